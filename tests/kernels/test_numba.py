"""What minae assumes about private parts of Numba; a new version may break it.

Every test fails with a sentence that names the assumption. They need Numba alone, no kernels.
"""

import ctypes
import importlib.util
import pickle
import sys
from contextlib import contextmanager

import llvmlite.binding
import numba
import numpy as np
import pytest
from numba import njit, types
from numba.extending import intrinsic

from minae.kernels import compiles_plainly

pytestmark = pytest.mark.skipif(
    compiles_plainly(), reason="MINAE_COMPILE=plain uses no private parts"
)


@contextmanager
def assumed(what):
    """Turn whatever fails into a sentence about the assumption."""
    try:
        yield
    except Exception as error:
        raise AssertionError(
            f"Numba {numba.__version__} breaks an assumption: {what}. MINAE_COMPILE=plain runs"
            " without it."
        ) from error


def add(x):
    return x + 1


class Recorder:
    """A cache that has nothing, or one compiled function, and records what it is asked."""

    def __init__(self, found=None):
        self.found, self.asked = found, []

    def load_overload(self, sig, target_context):
        self.asked.append(("load", sig, type(target_context).__name__))
        return self.found

    def save_overload(self, sig, cres):
        self.asked.append(("save", sig, type(cres).__name__))


def test_the_cache_is_asked_before_and_after_compiling():
    with assumed("a dispatcher asks its _cache to load_overload, then to save_overload"):
        from numba.core.caching import NullCache  # noqa: F401 - DiskCache is one

        function = njit(add)
        function._cache = cache = Recorder()
        assert function(1) == 2
        kinds = (types.int64,)
        assert cache.asked == [("load", kinds, "CPUContext"), ("save", kinds, "CompileResult")]


def test_a_compiled_function_survives_a_file():
    with assumed("CompileResult._reduce() can be dumped, and _rebuild(context, ...) undoes it"):
        from numba.core.compiler import CompileResult
        from numba.core.serialize import dumps

        caches = Recorder(), Recorder()
        first, second = njit(add), njit(lambda x: x - 1)
        first._cache, second._cache = caches
        first(1)
        (compiled,) = first.overloads.values()
        context = compiled.target_context
        context.refresh()
        caches[1].found = CompileResult._rebuild(context, *pickle.loads(dumps(compiled._reduce())))
        assert second(1) == 2
        assert [what for what, *_ in caches[1].asked] == ["load"]


def test_a_function_with_an_address_asks_the_cache():
    with assumed("a CFunc made of a function, (arguments, result), {} and options asks its _cache"):
        from numba.core.ccallback import CFunc

        function = CFunc(add, ((types.int64,), types.int64), {}, {"error_model": "numpy"})
        function._cache = cache = Recorder()
        function.compile()
        assert ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(function.address)(1) == 2
        assert [what for what, *_ in cache.asked] == ["load", "save"]


def test_the_machine_has_a_name():
    with assumed("codegen().magic_tuple() names the kind of processor, the same every time"):
        from numba.core.registry import cpu_target

        names = [cpu_target.target_context.codegen().magic_tuple() for _ in range(2)]
        assert repr(names[0]) == repr(names[1])
        assert llvmlite.binding.get_host_cpu_name() in names[0]


def test_compile_for_args_is_called_for_new_types_only():
    with assumed("a dispatcher calls its _compile_for_args for new types, and returns its result"):
        function, seen = njit(add), []
        compile_for = function._compile_for_args

        def refuse_strings(*args):
            seen.append(args)
            return (lambda *args: False) if args == ("no",) else compile_for(*args)

        function._compile_for_args = refuse_strings
        results = [function(argument) for argument in (1, 2, "no", "no", 3, 0.5)]
        assert results == [2, 3, False, False, 4, 1.5]
        assert seen == [(1,), ("no",), ("no",), (0.5,)]


def test_wrappers_can_be_left_out():
    with assumed("njit takes no_cfunc_wrapper and no_cpython_wrapper"):
        inner = njit(no_cfunc_wrapper=True, no_cpython_wrapper=True)(add)
        assert njit(no_cfunc_wrapper=True)(lambda x: inner(x))(1) == 2


def test_a_function_can_be_compiled_as_a_part_of_another():
    what = "with ConfigStack's flags, compile_internal adds a function to the active_code_library"
    with assumed(what):
        from numba.core.compiler import compile_internal
        from numba.core.targetconfig import ConfigStack

        found = []

        @intrinsic
        def call(typing, x):
            def generate(context, builder, signature, values):
                flags = ConfigStack().top().copy()
                flags.no_compile = flags.no_cpython_wrapper = True
                library = context.active_code_library
                here = context.typing_context, context, library
                part = compile_internal(*here, add, (x,), x, flags, {})
                options = flags.error_model, set(flags.fastmath.flags)
                found.append((*options, part.library is library))
                values = builder, part.fndesc, part.signature, values
                return context.call_internal_no_propagate(*values)[1]

            return x(x), generate

        function = njit(fastmath={"arcp"}, error_model="numpy")(lambda x: call(x))
        assert function(1) == 2
        assert found == [("numpy", {"arcp"}, True)]


def test_a_function_may_be_a_part_twice():
    """compiled_inside and launch compile it once for each library, and name what they add."""
    what = "an intrinsic takes *args as a tuple, and a CodeLibrary is a key of a WeakKeyDictionary"
    with assumed(what):
        import weakref

        from numba.core import cgutils

        seen = weakref.WeakKeyDictionary()

        @intrinsic
        def call(typing, *args):
            def generate(context, builder, signature, values):
                library = context.active_code_library
                seen[library] = seen.get(library, 0) + 1
                assert builder.module.get_unique_name("call")
                return cgutils.unpack_tuple(builder, values[0])[1]

            return args[1](types.StarArgTuple(args)), generate

        function = njit(lambda x, y: (call(x, y), call(y, x)))
        assert function(1, 2.5) == (2.5, 1)
        assert list(seen.values()) == [2]


def test_parts_of_arrays():
    with assumed("make_view views an array elsewhere, and impl_ret_borrowed counts it as one more"):
        from numba.core.imputils import impl_ret_borrowed
        from numba.np.arrayobj import make_array, make_view

        @intrinsic
        def whole(typing, a):
            def generate(context, builder, signature, values):
                array = make_array(a)(context, builder, values[0])
                place = array.data, array.shape, array.strides
                view = make_view(context, builder, a, array, a, *place)
                return impl_ret_borrowed(context, builder, a, view._getvalue())

            return a(a), generate

        a = np.arange(3.0)
        before = sys.getrefcount(a)
        views = [njit(lambda a: whole(a))(a) for _ in range(3)]
        assert [view.tolist() for view in views] == [[0, 1, 2]] * 3
        assert sys.getrefcount(a) > before
        del views
        assert sys.getrefcount(a) == before


def test_arrays_have_two_owners():
    with assumed("make_array gives access to an array's owners, meminfo and parent"):
        from numba.core import cgutils
        from numba.np.arrayobj import make_array

        @intrinsic
        def owners(typing, a):
            def generate(context, builder, signature, values):
                array = make_array(a)(context, builder, values[0])
                kept = [builder.ptrtoint(p, cgutils.intp_t) for p in (array.meminfo, array.parent)]
                array.meminfo = cgutils.get_null_value(array.meminfo.type)
                array.parent = cgutils.get_null_value(array.parent.type)
                array = make_array(a)(context, builder, array._getvalue())
                left = [builder.ptrtoint(p, cgutils.intp_t) for p in (array.meminfo, array.parent)]
                return context.make_tuple(builder, signature.return_type, kept + left)

            return types.UniTuple(types.intp, 4)(a), generate

        a = np.zeros(3)
        meminfo, parent, *left = njit(lambda a: owners(a))(a)
        assert meminfo != 0
        assert parent == id(a)
        assert left == [0, 0]


def test_settings_of_threads():
    with assumed("config has NUMBA_NUM_THREADS, and THREADING_LAYER_PRIORITY may be set"):
        assert numba.config.NUMBA_NUM_THREADS >= 1
        assert sorted(numba.config.THREADING_LAYER_PRIORITY) == ["omp", "tbb", "workqueue"]
    with assumed("numba.np.ufunc.omppool is the module of the OpenMP threads"):
        assert sys.platform == "win32" or importlib.util.find_spec("numba.np.ufunc.omppool")


TASK = ctypes.CFUNCTYPE(
    None, ctypes.POINTER(ctypes.c_void_p), *[ctypes.POINTER(ctypes.c_size_t)] * 2, ctypes.c_void_p
)


def test_the_pool_runs_a_task_for_every_share():
    what = (
        "numba_parallel_for(task, bases, sizes, steps, data, 1, 1, get_num_threads()) calls task"
        " for runs of shares, whose number is sizes[0] and whose first is bases[0] - data"
    )
    with assumed(what):
        numba.get_num_threads()  # starts the pool
        parallel_for, num_threads = map(
            llvmlite.binding.address_of_symbol, ("numba_parallel_for", "get_num_threads")
        )
        numbers = [ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int]
        run = ctypes.CFUNCTYPE(None, TASK, *[ctypes.c_void_p] * 4, *numbers)(parallel_for)
        threads = ctypes.CFUNCTYPE(ctypes.c_int)(num_threads)()
        assert threads == numba.get_num_threads()
        for T in range(1, 10):
            runs, data = [], ctypes.create_string_buffer(8)
            start = ctypes.addressof(data)

            @TASK
            def task(bases, sizes, steps, data, runs=runs, T=T):
                first = bases[0] - data
                runs.extend((t, sizes[1] == T) for t in range(first, first + sizes[0]))

            bases, steps = (ctypes.c_void_p * 1)(start), (ctypes.c_size_t * 1)(1)
            sizes = (ctypes.c_size_t * 2)(T, T)
            run(task, bases, sizes, steps, start, 1, 1, threads)
            assert sorted(runs) == [(t, True) for t in range(T)]
