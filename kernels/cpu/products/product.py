"""c = op(a) op(b) for matrices of any size: tiles in registers, of panels in the cache.

The loops are Goto and van de Geijn's ("Anatomy of high-performance matrix multiplication", 2008),
for matrices as training has them: b, mostly a weight, is the large one, and a has few rows. So b
is packed, one panel at a time, and a is read where it lies unless that is slow.

1. The sum over K is cut into parts of up to DEPTH terms, so that a panel stays in the second-level
   cache.
2. If a is packed, its rows are cut into blocks that stay there as well.
3. Each panel of b, as wide as a tile, is packed: turned if its rows lie across, else the first tile
   writes the panel while it reads b in place. The next panel is fetched from memory meanwhile.
4. Each tile of the panel's columns is summed up, finished and written.

The terms of each sum are added in the same order whatever the number of rows, columns and threads:
a row of c has the same bits in a batch of one and of a thousand.

No term passes through more than n = min(K, DEPTH) + K / DEPTH roundings, plus one for each of `add`
and bias. So as long as n² < 1 / u, an entry is off by at most (n + 1) u times the sum of its terms'
absolute values; the unit roundoff u is 2⁻²⁴ in float32 and 2⁻⁵³ in float64.
"""

from collections.abc import Callable

from minae.kernels.cpu.compile.compiled import compiled
from minae.kernels.cpu.products.panels import make_copy, make_turn, prefetch
from minae.kernels.cpu.products.tile import Shape, make_tile
from minae.kernels.cpu.products.vectors import LINE

DEPTH = 200  # terms of a part of the sum
BLOCK = 256  # rows of a that are packed together
REUSES = 4  # panels of b that a packed block must be used for
NEAR = 256 * 1024  # bytes; a smaller b is in the cache already, and needs not be fetched
PAGE = 4096  # bytes; rows at such distances share the few places of one cache set


def room_bytes(shape: Shape) -> int:
    """Return the memory that a product needs for its panels."""
    panel, block = DEPTH * shape.columns * shape.itemsize, DEPTH * BLOCK * shape.itemsize
    return panel + block + 2 * LINE  # behind their ends, panels may write a vector


def named_after(shape: Shape, function: Callable) -> Callable:
    """Give a function the name of its shape as well."""
    function.__qualname__ += f" of {shape}"
    return function


def make_product(shape: Shape) -> Callable:
    """Return product(...), to be compiled: c = a b, for one kind of vectors and numbers.

    All arguments are 64-bit integers: addresses, distances in bytes, sizes and flags. The rows of
    b, c and `where`, and either the rows or the columns of a, are contiguous. With `turned`, b is
    (N, K), else (K, N). What happens to c is described by `tile.Finish`. `room` is the address of
    room_bytes(shape) bytes, on a cache line.
    """
    rows, columns, vector, size = shape.rows, shape.columns, shape.width, shape.itemsize
    half, quarter = rows // 2, rows // 4
    thin = rows * size < LINE // 2  # a tile uses little of each line of an a that lies across
    keep = make_tile(shape, rows, keep=True)
    tall, low, flat = (make_tile(shape, height) for height in (rows, half, quarter))
    turn, copy = make_turn(shape, columns), make_copy(shape, columns)
    turn_strip, copy_strip = make_turn(shape, rows), make_copy(shape, rows)
    panel_row, strip_row = columns * size, rows * size

    def compiled_part(function):
        """Compile a part, under a name of its own: linked together, one name is one function.

        With compiled_inside, tiles would be slower.
        """
        return compiled(named_after(shape, function))

    @compiled_part
    def fetch(b, b_row, height, width, part, parts):
        """Have one of so many parts of a matrix brought into the cache."""
        for i in range(height * part // parts, height * (part + 1) // parts):
            for j in range(LINE - 1, width * size + LINE - 1, LINE):
                prefetch(b + i * b_row + j)  # pyright: ignore[reportCallIssue] - as in launch

    @compiled_part
    def panel_width(left):
        """Return the width of the next panel. A last one of a single vector would be slow."""
        one_remains = columns < left <= columns + vector
        return columns - vector if one_remains else min(columns, left)

    @compiled_part
    def pack(a, a_row, a_k, strips, height, depth):
        """Pack rows of a into strips, each as high as a tile."""
        for i in range(0, height, rows):
            strip, count = strips + i * depth * size, min(rows, height - i)
            if a_k == size:
                turn_strip(a + i * a_row, a_row, strip, count, depth)
            else:
                copy_strip(a + i * a_row, a_k, strip, count, depth)

    @compiled_part
    def columns_of_tiles(of_a, of_b, of_c, sizes, finish):
        """Compute the columns of c that one panel of b gives, tile after tile."""
        a, a_row, a_strip, a_k = of_a  # a_strip: from one row of c to the next, in whole tiles
        b, b_row, turned, panel, ahead = of_b  # ahead: columns of the next panel, to be fetched
        c, c_row = of_c
        height, width, depth = sizes
        add, bias, relu, where, where_row = finish
        near = b_row <= 2 * panel_row  # its rows are near each other: in place, b is as good
        keeps = not turned and width == columns and height > rows and not near
        from_b, b_k = panel, panel_row
        if turned:
            turn(b, b_row, panel, width, depth)
        elif keeps or (width % vector == 0 and (near or height <= rows)):
            from_b, b_k = b, b_row
        else:
            copy(b, b_row, panel, width, depth)
        for i in range(0, height, rows):
            if turned and ahead:
                fetch(b + width * b_row, b_row, ahead, depth, i, height)
            elif ahead:
                fetch(b + width * size, b_row, depth, ahead, i, height)
            left = height - i
            factors = a + i * a_strip, a_row, a_k, from_b, b_k, panel
            operands = (*factors, c + i * c_row, c_row, depth, left, width)
            then = add, bias, relu, where + i * where_row if where else 0, where_row
            if left <= quarter:
                flat(operands, then)
            elif left <= half:
                low(operands, then)
            elif keeps and i == 0:
                keep(operands, then)
                from_b, b_k = panel, panel_row
            else:
                tall(operands, then)

    def product(
        a, a_row, a_k, b, b_row, turned, c, c_row, M, N, K, add, bias, relu, where, where_row, room
    ):
        parts = max(1, (K + DEPTH - 1) // DEPTH)
        most = max(1, (K + parts - 1) // parts)
        strips = room + DEPTH * panel_row + LINE
        slow = max(a_row, a_k) % PAGE == 0 or (thin and a_k > size)
        packs = slow and REUSES * columns <= N and rows < M
        far = K * N * size > NEAR  # so the next panel has to be fetched
        block = BLOCK if packs else max(M, 1)
        for p in range(0, max(K, 1), most):
            depth, last = min(most, K - p), p + most >= K
            for m in range(0, M, block):
                height = min(block, M - m)
                of_a = a + m * a_row + p * a_k, a_row, a_row, a_k
                if packs:
                    pack(of_a[0], a_row, a_k, strips, height, depth)
                    of_a = strips, size, depth * size, strip_row
                n, width, ahead = 0, 0, panel_width(N)
                for _ in range((N + columns - 1) // columns):
                    n += width
                    width = ahead
                    ahead = panel_width(N - n - width)
                    from_b = b + n * b_row + p * size if turned else b + p * b_row + n * size
                    of_b = from_b, b_row, turned, room, ahead if far else 0
                    of_c = c + m * c_row + n * size, c_row
                    column_bias = bias + n * size if last and bias else 0
                    sign = where + m * where_row + n * size if last and where else 0
                    finish = add or p > 0, column_bias, relu and last, sign, where_row
                    columns_of_tiles(of_a, of_b, of_c, (height, width, depth), finish)

    return named_after(shape, product)
