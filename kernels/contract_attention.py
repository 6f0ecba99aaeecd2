"""The part of the contract for attention; see `contract` for what holds for all families."""

from typing import Protocol

from minae.kernels.arrays import Array

Places = tuple[Array, Array, Array]

# A function of a protocol is its signature and docstring, with no body to return anything.
# pyright: reportReturnType=false


class Attention(Protocol):
    """Scaled dot-product attention (Vaswani et al. 2017, equation 1), for each item of a batch.

    query (..., L, E), key (..., S, E) and value (..., S, V) have the same leading dimensions.
    `mask`, or None, broadcasts to (..., L, S). Booleans are True where a query may look; floats, of
    the dtype of the others, are added to the scores. `is_causal` lets query i look at keys 0 to i.
    What may not be looked at has a score of -inf. A query that may look nowhere gets zeros.
    """

    def attention(
        self,
        query: Array,
        key: Array,
        value: Array,
        scale: float,
        mask: Array | None = None,
        is_causal: bool = False,
    ) -> tuple[Array, Array]:
        """Return y = P value with P = softmax(scale query keyᵀ + mask), and what backward needs.

        y (..., L, V) is in any order in memory. saved (2, ..., L) has each query's largest score m,
        or 0 if that is -inf, and Σ e^(score - m).
        """

    def attention_backward(
        self,
        dy: Array,
        query: Array,
        key: Array,
        value: Array,
        saved: Array,
        scale: float,
        mask: Array | None = None,
        is_causal: bool = False,
        places: Places | None = None,
        need_dscores: bool = False,
    ) -> tuple[Array, Array, Array, Array | None]:
        """Return dquery, dkey, dvalue and, if needed, the gradient of the scores (..., L, S).

            dvalue = Pᵀ dy
            dscores = P (dP - Σ P dP) with dP = dy valueᵀ, the sum over the keys
            dquery = scale dscores key, dkey = scale dscoresᵀ query

        `places` are the arrays to write the first three to, of any memory layout.
        """
