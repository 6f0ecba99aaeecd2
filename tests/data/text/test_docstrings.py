"""What is prose in a docstring, and what is not."""

import ast

from minae.data.text import docstrings
from minae.data.text.docstrings import prose

DOCSTRING = """Smooth an array, see :func:`numpy.mean`.

Each entry becomes a *weighted* mean [1]_ of ``size`` others::

    y = smooth(x)
    print(y)

The weights are :math:`w_k = 1/n`.

.. math::
    w_k = 1/n

.. versionadded:: 1.4

Parameters
----------
x : ndarray, shape (N,)
    What to smooth, `N` numbers.
axis, size : int, optional
    Along which axis, and how far.
**kwargs
    Others.

Returns
-------
ndarray
    The smooth array.

See Also
--------
other : Something else.

Notes
-----
It is fast.

>>> smooth([1])
[1]

It is exact.

References
----------
.. [1] A. Author, "A book".

Examples
--------
Make one:

>>> smooth([2])
[2]
"""


def test_prose():
    assert prose(DOCSTRING) == (
        "Smooth an array, see numpy.mean. Each entry becomes a weighted mean of size others:"
        " The weights are . What to smooth, N numbers. Along which axis, and how far. Others."
        " The smooth array. It is fast. It is exact."
    )


CODE = '''
def f():
    """One."""
    def inner():
        """Not this."""

class C:
    """Two."""
    def m(self):
        """Three."""
    def _private(self):
        """Not this."""

def _g():
    """Not this."""

add_newdoc("package", "ufunc",
    """
    Four.

        indented
    """)
add_newdoc("other", "array", ("method", """Five."""))
add_newdoc("_hidden", """Not this.""")
'''


def test_public_functions_classes_and_methods_are_documents():
    tree = ast.parse(CODE)
    found = {**dict(docstrings._docstrings(tree)), **dict(docstrings._added(tree))}
    assert found == {
        "f": "One.",
        "C": "Two.",
        "C.m": "Three.",
        "ufunc": "Four.\n\n    indented",
        "method": "Five.",
    }


def test_documents_of_the_installed_libraries(monkeypatch):
    """Of one library, as all four take some seconds: its public subpackages, in words."""
    monkeypatch.setattr(docstrings, "PACKAGES", {"skimage": "scikit-image"})
    found = [*docstrings.documents()]
    labels = {label for _, label, _ in found}
    assert {"skimage.filters", "skimage.transform"} < labels
    assert not labels & {"skimage._shared", "skimage._vendored"}
    texts = {name: text for name, _, text in found}
    assert texts["skimage.filters.median"].startswith("Return local median of an image.")
    assert len(found) > 300
    for text in texts.values():
        assert not any(mark in text for mark in (">>>", ":math:", "`"))
        assert len(text.split()) >= docstrings.FEWEST_WORDS
