"""Plausible wrong answers to the exercises of lesson 15. The checks must reject each."""

import numpy as np

ROWS, WIDTH = 8, 16


def along_rows__row_by_row_of_c(a, b, c):
    """The order that is best for a b: here it reads a down its columns, and b again and again."""
    for i in range(a.shape[1]):
        for k in range(a.shape[0]):
            for j in range(b.shape[1]):
                c[i, j] += a[k, i] * b[k, j]


def along_rows__by_the_definition(a, b, c):
    """One entry of c after the other, down two columns."""
    for i in range(a.shape[1]):
        for j in range(b.shape[1]):
            total = 0.0
            for k in range(a.shape[0]):
                total += a[k, i] * b[k, j]
            c[i, j] = total


def along_rows__down_the_columns_of_c(a, b, c):
    """Reads a and b along rows, but goes down c in the innermost loop."""
    for k in range(a.shape[0]):
        for j in range(b.shape[1]):
            for i in range(a.shape[1]):
                c[i, j] += a[k, i] * b[k, j]


def along_rows__column_by_column_of_c(a, b, c):
    """A column of c at a time."""
    for j in range(b.shape[1]):
        for k in range(a.shape[0]):
            for i in range(a.shape[1]):
                c[i, j] += a[k, i] * b[k, j]


def along_rows__a_kept(a, b, c):
    """Copies a first, and goes through b once for each row of c."""
    kept = [[a[k, i] for i in range(a.shape[1])] for k in range(a.shape[0])]
    for i in range(a.shape[1]):
        for k in range(a.shape[0]):
            for j in range(b.shape[1]):
                c[i, j] += kept[k][i] * b[k, j]


def along_rows__all_kept(a, b, c):
    """Copies both, and then takes any order."""
    left = [[a[k, i] for i in range(a.shape[1])] for k in range(a.shape[0])]
    right = [[b[k, j] for j in range(b.shape[1])] for k in range(b.shape[0])]
    for i in range(a.shape[1]):
        for j in range(b.shape[1]):
            c[i, j] = sum(x[i] * y[j] for x, y in zip(left, right, strict=True))


def along_rows__last_product_only(a, b, c):
    """Writes each product over the one before."""
    for k in range(a.shape[0]):
        for i in range(a.shape[1]):
            for j in range(b.shape[1]):
                c[i, j] = a[k, i] * b[k, j]


def along_rows__a_not_transposed(a, b, c):
    """The product a b: right for one row."""
    for k in range(b.shape[0]):
        for i in range(a.shape[0]):
            for j in range(b.shape[1]):
                c[i, j] += a[i, k] * b[k, j]


def along_rows__square(a, b, c):
    """Takes N for M."""
    for k in range(a.shape[0]):
        for i in range(b.shape[1]):
            for j in range(b.shape[1]):
                c[i, j] += a[k, i] * b[k, j]


def along_rows__two_halves(a, b, c):
    """Does the left half of c and then the right, so that a comes in twice."""
    half = b.shape[1] // 2
    for columns in (range(half), range(half, b.shape[1])):
        for k in range(a.shape[0]):
            for i in range(a.shape[1]):
                for j in columns:
                    c[i, j] += a[k, i] * b[k, j]


def stored(core, sums, c):
    """Store the sums of a whole tile."""
    for i in range(4):
        for v in range(3):
            core.store(sums[i][v], c, i, v * core.width)


def tile__loads_for_each_row(core, a, b, c):
    """Loads the vectors of b again for each row."""
    sums = [[core.zero() for _ in range(3)] for _ in range(4)]
    for k in range(a.shape[1]):
        for i in range(4):
            x = core.broadcast(a, i, k)
            for v in range(3):
                sums[i][v] = core.fma(x, core.load(b, k, v * core.width), sums[i][v])
    stored(core, sums, c)


def tile__broadcasts_for_each_vector(core, a, b, c):
    """Broadcasts a number of a again for each vector."""
    sums = [[core.zero() for _ in range(3)] for _ in range(4)]
    for k in range(a.shape[1]):
        for v in range(3):
            y = core.load(b, k, v * core.width)
            for i in range(4):
                sums[i][v] = core.fma(core.broadcast(a, i, k), y, sums[i][v])
    stored(core, sums, c)


def tile__all_factors_first(core, a, b, c):
    """Has all seven factors in registers, beside the sums: 19."""
    sums = [[core.zero() for _ in range(3)] for _ in range(4)]
    for k in range(a.shape[1]):
        xs = [core.broadcast(a, i, k) for i in range(4)]
        ys = [core.load(b, k, v * core.width) for v in range(3)]
        for i in range(4):
            for v in range(3):
                sums[i][v] = core.fma(xs[i], ys[v], sums[i][v])
    stored(core, sums, c)


def tile__keeps_four_rather_than_three(core, a, b, c):
    """Keeps the four numbers of a, and takes one vector of b at a time: 17 registers."""
    sums = [[core.zero() for _ in range(3)] for _ in range(4)]
    for k in range(a.shape[1]):
        xs = [core.broadcast(a, i, k) for i in range(4)]
        for v in range(3):
            y = core.load(b, k, v * core.width)
            for i in range(4):
                sums[i][v] = core.fma(xs[i], y, sums[i][v])
    stored(core, sums, c)


def tile__next_factors_early(core, a, b, c):
    """Loads what the next k needs before this one is done."""
    sums = [[core.zero() for _ in range(3)] for _ in range(4)]
    after = [core.load(b, 0, v * core.width) for v in range(3)]
    for k in range(a.shape[1]):
        ys = after
        if k + 1 < a.shape[1]:
            after = [core.load(b, k + 1, v * core.width) for v in range(3)]
        for i in range(4):
            x = core.broadcast(a, i, k)
            for v in range(3):
                sums[i][v] = core.fma(x, ys[v], sums[i][v])
    stored(core, sums, c)


def tile__sums_in_memory(core, a, b, c):
    """Stores the sums after each k, and loads them again."""
    for k in range(a.shape[1]):
        ys = [core.load(b, k, v * core.width) for v in range(3)]
        for i in range(4):
            x = core.broadcast(a, i, k)
            for v in range(3):
                total = core.load(c, i, v * core.width) if k else core.zero()
                core.store(core.fma(x, ys[v], total), c, i, v * core.width)


def tile__stores_after_each_k(core, a, b, c):
    """Keeps the sums, but writes them to c every time."""
    sums = [[core.zero() for _ in range(3)] for _ in range(4)]
    for k in range(a.shape[1]):
        ys = [core.load(b, k, v * core.width) for v in range(3)]
        for i in range(4):
            x = core.broadcast(a, i, k)
            for v in range(3):
                sums[i][v] = core.fma(x, ys[v], sums[i][v])
        stored(core, sums, c)


def tile__row_by_row(core, a, b, c):
    """Goes through all k for one row after the other."""
    for i in range(4):
        sums = [core.zero() for _ in range(3)]
        for k in range(a.shape[1]):
            x = core.broadcast(a, i, k)
            for v in range(3):
                sums[v] = core.fma(x, core.load(b, k, v * core.width), sums[v])
        for v in range(3):
            core.store(sums[v], c, i, v * core.width)


def tile__vector_by_vector(core, a, b, c):
    """Goes through all k for one vector of a row after the other: few registers, many loads."""
    for v in range(3):
        sums = [core.zero() for _ in range(4)]
        for k in range(a.shape[1]):
            y = core.load(b, k, v * core.width)
            for i in range(4):
                sums[i] = core.fma(core.broadcast(a, i, k), y, sums[i])
        for i in range(4):
            core.store(sums[i], c, i, v * core.width)


def tile__one_row_of_sums(core, a, b, c):
    """[[...] * 3] * 4 is one list, four times."""
    sums = [[core.zero()] * 3] * 4
    for k in range(a.shape[1]):
        ys = [core.load(b, k, v * core.width) for v in range(3)]
        for i in range(4):
            x = core.broadcast(a, i, k)
            for v in range(3):
                sums[i][v] = core.fma(x, ys[v], sums[i][v])
    stored(core, sums, c)


def tile__neighbouring_vectors_overlap(core, a, b, c):
    """Begins vector v at column v."""
    sums = [[core.zero() for _ in range(3)] for _ in range(4)]
    for k in range(a.shape[1]):
        ys = [core.load(b, k, v) for v in range(3)]
        for i in range(4):
            x = core.broadcast(a, i, k)
            for v in range(3):
                sums[i][v] = core.fma(x, ys[v], sums[i][v])
    stored(core, sums, c)


def tile__of_four_numbers(core, a, b, c):
    """Believes that every vector has 4 numbers."""
    sums = [[core.zero() for _ in range(3)] for _ in range(4)]
    for k in range(a.shape[1]):
        ys = [core.load(b, k, 4 * v) for v in range(3)]
        for i in range(4):
            x = core.broadcast(a, i, k)
            for v in range(3):
                sums[i][v] = core.fma(x, ys[v], sums[i][v])
    for i in range(4):
        for v in range(3):
            core.store(sums[i][v], c, i, 4 * v)


def tile__without_sums(core, a, b, c):
    """Begins each k with zeros."""
    for k in range(a.shape[1]):
        ys = [core.load(b, k, v * core.width) for v in range(3)]
        for i in range(4):
            x = core.broadcast(a, i, k)
            for v in range(3):
                core.store(core.fma(x, ys[v], core.zero()), c, i, v * core.width)


def tile__sum_as_a_factor(core, a, b, c):
    """Has the operands of fma in another order: sum · x + y."""
    sums = [[core.zero() for _ in range(3)] for _ in range(4)]
    for k in range(a.shape[1]):
        ys = [core.load(b, k, v * core.width) for v in range(3)]
        for i in range(4):
            x = core.broadcast(a, i, k)
            for v in range(3):
                sums[i][v] = core.fma(sums[i][v], x, ys[v])
    stored(core, sums, c)


def pack__no_rest(b, width, turned):
    """Leaves out the columns that fill no panel."""
    rows = b.T if turned else b
    K, panels = len(rows), rows.shape[1] // width
    return rows[:, : panels * width].reshape(K, panels, width).swapaxes(0, 1).ravel()


def pack__no_padding(b, width, turned):
    """Makes the last panel narrower."""
    rows = b.T if turned else b
    N = rows.shape[1]
    return np.concatenate([rows[:, n : n + width].ravel() for n in range(0, N, width)])


def padded(b, width, turned, value=0):
    """Return b, filled up at the right."""
    rows = b.T if turned else b
    K, N = rows.shape
    full = np.full((K, -(-N // width) * width), value, b.dtype)
    full[:, :N] = rows
    return full


def cut_up(rows, width):
    """Return the panels of filled up rows."""
    return rows.reshape(len(rows), -1, width).swapaxes(0, 1).ravel()


def pack__padded_only(b, width, turned):
    """Fills up with zeros, but leaves the numbers row by row."""
    return padded(b, width, turned).ravel()


def pack__swapped_by_reshape(b, width, turned):
    """Takes reshape for an exchange of axes."""
    rows = padded(b, width, turned)
    return rows.reshape(-1, len(rows), width).ravel()


def pack__columns_of_a_panel(b, width, turned):
    """Has a panel column by column."""
    return padded(b, width, turned).T.ravel()


def pack__never_turned(b, width, turned):
    """Overlooks the flag."""
    return cut_up(padded(b, width, False), width)


def pack__turned_by_shape(b, width, turned):
    """Takes reshape for a transpose."""
    if turned:
        b = b.reshape(b.shape[1], b.shape[0])
    return cut_up(padded(b, width, False), width)


def pack__turned_the_other_way(b, width, turned):
    """Transposes what is not turned."""
    return cut_up(padded(b, width, not turned), width)


def pack__one_panel_too_many(b, width, turned):
    """N // width + 1 panels."""
    rows = b.T if turned else b
    K, N = rows.shape
    full = np.zeros((K, (N // width + 1) * width), b.dtype)
    full[:, :N] = rows
    return cut_up(full, width)


def pack__last_column_again(b, width, turned):
    """Fills up with copies of the last column."""
    rows = b.T if turned else b
    return cut_up(np.pad(rows, ((0, 0), (0, -rows.shape[1] % width)), mode="edge"), width)


def pack__nan_at_the_end(b, width, turned):
    """Leaves the missing columns as they happen to be."""
    return cut_up(padded(b, width, turned, np.nan), width)


def pack__filled_up_at_the_left(b, width, turned):
    """Puts the zeros before the columns."""
    rows = b.T if turned else b
    return cut_up(np.pad(rows, ((0, 0), (-rows.shape[1] % width, 0))), width)


def pack__filled_up_below(b, width, turned):
    """Puts the last panel's zeros at its end, not at the ends of its rows."""
    rows = b.T if turned else b
    K, N = rows.shape
    parts = np.concatenate([rows[:, n : n + width].ravel() for n in range(0, N, width)])
    return np.pad(parts, (0, K * (-N % width)))


def pack__always_float64(b, width, turned):
    """Copies into zeros of NumPy's default."""
    return cut_up(padded(b, width, turned), width).astype(float)


def pack__always_float32(b, width, turned):
    """Copies into float32."""
    return cut_up(padded(b, width, turned), width).astype(np.float32)


def pack__three_dimensions(b, width, turned):
    """Returns an array (panels, K, width)."""
    rows = padded(b, width, turned)
    return rows.reshape(len(rows), -1, width).swapaxes(0, 1).copy()


def edges__whole_vectors(core, a, b, c):
    """Loads whole vectors, and writes only what belongs to c."""
    (M, K), N, W = a.shape, b.shape[1], core.width
    for top in range(0, M, 4):
        for left in range(0, N, 3 * W):
            rows = range(top, min(top + 4, M))
            places = range(left, min(left + 3 * W, N), W)
            sums = {(i, j): core.zero() for i in rows for j in places}
            for k in range(K):
                ys = {j: core.load(b, k, j) for j in places}
                for i in rows:
                    x = core.broadcast(a, i, k)
                    for j in places:
                        sums[i, j] = core.fma(x, ys[j], sums[i, j])
            for i, j in sums:
                core.store(sums[i, j], c, i, j, min(W, N - j))


def edges__writes_whole_vectors(core, a, b, c):
    """Loads with a count, and writes zeros behind the end of each row."""
    (M, K), N, W = a.shape, b.shape[1], core.width
    for top in range(0, M, 4):
        for left in range(0, N, 3 * W):
            rows = range(top, min(top + 4, M))
            places = range(left, min(left + 3 * W, N), W)
            sums = {(i, j): core.zero() for i in rows for j in places}
            for k in range(K):
                ys = {j: core.load(b, k, j, min(W, N - j)) for j in places}
                for i in rows:
                    x = core.broadcast(a, i, k)
                    for j in places:
                        sums[i, j] = core.fma(x, ys[j], sums[i, j])
            for i, j in sums:
                core.store(sums[i, j], c, i, j)


def swept(core, a, b, c, rows_of, places_of, count_of):
    """Go through tiles whose rows, vectors and counts of numbers are chosen by functions."""
    (M, K), N, W = a.shape, b.shape[1], core.width
    for top in range(0, M, 4):
        for left in range(0, N, 3 * W):
            rows, places = rows_of(top, M), places_of(left, N, W)
            sums = {(r, j): core.zero() for r in range(len(rows)) for j in places}
            for k in range(K):
                ys = {j: core.load(b, k, j, count_of(j, left, N, W)) for j in places}
                for r, i in enumerate(rows):
                    x = core.broadcast(a, i, k)
                    for j in places:
                        sums[r, j] = core.fma(x, ys[j], sums[r, j])
            for r, j in sums:
                core.store(sums[r, j], c, rows[r], j, count_of(j, left, N, W))


def some_rows(top, M):
    """Rows of a tile that c has."""
    return range(top, min(top + 4, M))


def some_places(left, N, W):
    """Where the vectors of a tile begin that c has."""
    return range(left, min(left + 3 * W, N), W)


def some_numbers(j, left, N, W):
    """How many numbers a vector has."""
    return min(W, N - j)


def edges__always_four_rows(core, a, b, c):
    """Reads rows that a does not have."""
    swept(core, a, b, c, lambda top, M: range(top, top + 4), some_places, some_numbers)


def edges__last_row_again(core, a, b, c):
    """Repeats the last row to have four: right, but four rows' work for one."""

    def rows(top, M):
        return [min(i, M - 1) for i in range(top, top + 4)]

    swept(core, a, b, c, rows, some_places, some_numbers)


def edges__always_three_vectors(core, a, b, c):
    """Has vectors that begin behind the end."""

    def places(left, N, W):
        return range(left, left + 3 * W, W)

    swept(core, a, b, c, some_rows, places, lambda j, left, N, W: max(1, min(W, N - j)))


def edges__last_vector_moved_back(core, a, b, c):
    """Has the last vector end where c ends: it begins before column 0 if c is narrow."""

    def places(left, N, W):
        return sorted({min(j, N - W) for j in some_places(left, N, W)})

    swept(core, a, b, c, some_rows, places, lambda *_: None)


def edges__count_of_the_tile(core, a, b, c):
    """Counts the numbers from where the tile begins."""
    swept(core, a, b, c, some_rows, some_places, lambda j, left, N, W: min(W, N - left))


def edges__remainder(core, a, b, c):
    """Takes the remainder for all vectors: 0 numbers if there is none."""
    swept(core, a, b, c, some_rows, some_places, lambda j, left, N, W: N % W)


def edges__remainder_or_all(core, a, b, c):
    """Cuts all vectors off, not the last one alone."""
    swept(core, a, b, c, some_rows, some_places, lambda j, left, N, W: N % W or W)


def edges__rows_of_the_columns(core, a, b, c):
    """Compares rows with N: right for square c."""
    N = c.shape[1]

    def rows(top, M):
        return range(top, min(top + 4, N))

    swept(core, a, b, c, rows, some_places, some_numbers)


def edges__whole_tiles_only(core, a, b, c):
    """Leaves out the rows and columns that fill no tile."""

    def rows(top, M):
        return range(top, top + 4) if top + 4 <= M else range(0)

    swept(core, a, b, c, rows, some_places, some_numbers)


def edges__one_tile(core, a, b, c):
    """Computes the first tile, and stops."""
    (M, K), N, W = a.shape, b.shape[1], core.width
    rows, places = some_rows(0, M), some_places(0, N, W)
    for i in rows:
        for j in places:
            total = core.zero()
            for k in range(K):
                y = core.load(b, k, j, min(W, N - j))
                total = core.fma(core.broadcast(a, i, k), y, total)
            core.store(total, c, i, j, min(W, N - j))


def edges__one_number_at_a_time(core, a, b, c):
    """Computes the last columns one by one."""
    (M, K), N, W = a.shape, b.shape[1], core.width
    for i in range(M):
        for j in [*range(0, N - N % W, W), *range(N - N % W, N)]:
            count, total = W if j + W <= N else 1, core.zero()
            for k in range(K):
                y = core.load(b, k, j, count)
                total = core.fma(core.broadcast(a, i, k), y, total)
            core.store(total, c, i, j, count)


def edges__one_row_at_a_time(core, a, b, c):
    """Takes tiles of one row where there are fewer than four: b is loaded again for each."""
    (M, K), N, W = a.shape, b.shape[1], core.width
    for left in range(0, N, 3 * W):
        places, top = some_places(left, N, W), 0
        while top < M:
            rows = range(top, top + 4) if top + 4 <= M else range(top, top + 1)
            sums = {(i, j): core.zero() for i in rows for j in places}
            for k in range(K):
                ys = {j: core.load(b, k, j, min(W, N - j)) for j in places}
                for i in rows:
                    x = core.broadcast(a, i, k)
                    for j in places:
                        sums[i, j] = core.fma(x, ys[j], sums[i, j])
            for i, j in sums:
                core.store(sums[i, j], c, i, j, min(W, N - j))
            top = rows[-1] + 1


def edges__narrow_tiles(core, a, b, c):
    """Takes tiles of one vector: a is broadcast again for each."""
    (M, K), N, W = a.shape, b.shape[1], core.width
    for top in range(0, M, 4):
        for j in range(0, N, W):
            rows, count = some_rows(top, M), min(W, N - j)
            sums = {i: core.zero() for i in rows}
            for k in range(K):
                y = core.load(b, k, j, count)
                for i in rows:
                    sums[i] = core.fma(core.broadcast(a, i, k), y, sums[i])
            for i in rows:
                core.store(sums[i], c, i, j, count)


def edges__vectors_of_zeros(core, a, b, c):
    """Multiplies zeros where c has no vectors, to have three."""
    (M, K), N, W = a.shape, b.shape[1], core.width
    for top in range(0, M, 4):
        for left in range(0, N, 3 * W):
            rows, places = some_rows(top, M), range(left, left + 3 * W, W)
            sums = {(i, j): core.zero() for i in rows for j in places}
            for k in range(K):
                ys = [core.load(b, k, j, min(W, N - j)) if j < N else core.zero() for j in places]
                for i in rows:
                    x = core.broadcast(a, i, k)
                    for j, y in zip(places, ys, strict=True):
                        sums[i, j] = core.fma(x, y, sums[i, j])
            for i, j in sums:
                if j < N:
                    core.store(sums[i, j], c, i, j, min(W, N - j))


def edges__twelve_columns(core, a, b, c):
    """Believes that three vectors are 12 numbers."""
    (M, K), N, W = a.shape, b.shape[1], core.width
    for top in range(0, M, 4):
        for left in range(0, N, 12):
            rows, starts = some_rows(top, M), range(left, min(left + 12, N), W)
            sums = {(i, j): core.zero() for i in rows for j in starts}
            for k in range(K):
                ys = {j: core.load(b, k, j, min(W, N - j)) for j in starts}
                for i in rows:
                    x = core.broadcast(a, i, k)
                    for j in starts:
                        sums[i, j] = core.fma(x, ys[j], sums[i, j])
            for i, j in sums:
                core.store(sums[i, j], c, i, j, min(W, N - j))


def edges__factors_of_all_rows(core, a, b, c):
    """Has all factors of a k in registers, as many as a tile has rows and vectors."""
    (M, K), N, W = a.shape, b.shape[1], core.width
    for top in range(0, M, 4):
        for left in range(0, N, 3 * W):
            rows, places = some_rows(top, M), some_places(left, N, W)
            sums = {(i, j): core.zero() for i in rows for j in places}
            for k in range(K):
                xs = {i: core.broadcast(a, i, k) for i in rows}
                ys = {j: core.load(b, k, j, min(W, N - j)) for j in places}
                for i, j in sums:
                    sums[i, j] = core.fma(xs[i], ys[j], sums[i, j])
            for i, j in sums:
                core.store(sums[i, j], c, i, j, min(W, N - j))


def grid(M, N, down, across, high, wide):
    """Return the shares of a grid."""
    return [
        (min(i * high, M), min((i + 1) * high, M), min(j * wide, N), min((j + 1) * wide, N))
        for i in range(down)
        for j in range(across)
    ]


def size(total, parts, unit):
    """Return the size of an even part, in whole units."""
    return -(-total // (parts * unit)) * unit


def even(M, N, T, down):
    """Return the shares of a grid, in whole tiles."""
    high, wide = size(M, down, ROWS), size(N, T // down, WIDTH)
    return grid(M, N, down, T // down, high, wide)


def factors(T):
    """Return the numbers that divide T."""
    return [d for d in range(1, T + 1) if T % d == 0]


def cut__rows_only(M, N, T):
    """Gives each thread some rows."""
    return even(M, N, T, T)


def cut__columns_only(M, N, T):
    """Gives each thread some columns."""
    return even(M, N, T, 1)


def cut__longer_side(M, N, T):
    """Cuts the longer of the two."""
    return even(M, N, T, T if M > N else 1)


def cut__square_grid(M, N, T):
    """Takes the grid nearest to a square, whatever the shape."""
    return even(M, N, T, min(factors(T), key=lambda d: abs(d - T // d)))


def cut__square_shares(M, N, T):
    """Takes the shares nearest to squares: least to read, but not least work."""
    return even(M, N, T, min(factors(T), key=lambda d: abs(M / d - N / (T // d))))


def cut__without_packing(M, N, T):
    """Compares tiles alone: packing b once for each row of shares is free."""

    def largest(d):
        return min(size(M, d, ROWS), M) * min(size(N, T // d, WIDTH), N)

    return even(M, N, T, min(factors(T)[::-1], key=largest))


def cut__by_the_number_of_rows(M, N, T):
    """Cuts rows as long as there are tiles of them for all threads."""
    return even(M, N, T, max(d for d in factors(T) if ROWS * d <= M or d == 1))


def cut__powers_of_two(M, N, T):
    """Divides rows by 1, 2, 4, ... only."""
    downs = [d for d in factors(T) if d & (d - 1) == 0]
    return even(M, N, T, min(downs, key=lambda d: (size(M, d, 8) + 8) * size(N, T // d, 16)))


def cut__not_in_whole_tiles(M, N, T):
    """Divides rows and columns evenly, in the midst of tiles."""

    def largest(d):
        return (size(M, d, ROWS) + 8) * size(N, T // d, WIDTH)

    down = min(factors(T), key=largest)
    return grid(M, N, down, T // down, -(-M // down), -(-N // (T // down)))


def cut__rest_left_out(M, N, T):
    """Rounds the size of a share down: the last rows and columns are in none."""
    down = min(factors(T), key=lambda d: (size(M, d, 8) + 8) * size(N, T // d, 16))
    across = T // down
    return grid(M, N, down, across, M // down, N // across)


def cut__rest_to_the_last(M, N, T):
    """Rounds the size of a share down, and gives the last ones all that remains."""
    down = min(factors(T), key=lambda d: (size(M, d, 8) + 8) * size(N, T // d, 16))
    across = T // down
    rows = [i * (M // down // 8 * 8) for i in range(down)] + [M]
    columns = [j * (N // across // 16 * 16) for j in range(across)] + [N]
    return [
        (rows[i], rows[i + 1], columns[j], columns[j + 1])
        for i in range(down)
        for j in range(across)
    ]


def cut__no_empty_shares(M, N, T):
    """Leaves out the shares that are empty."""
    down = min(factors(T), key=lambda d: (size(M, d, 8) + 8) * size(N, T // d, 16))
    return [s for s in even(M, N, T, down) if s[1] > s[0] and s[3] > s[2]]


def cut__beyond_the_end(M, N, T):
    """Lets the last shares reach beyond c."""
    down = min(factors(T), key=lambda d: (size(M, d, 8) + 8) * size(N, T // d, 16))
    across, high, wide = T // down, size(M, down, 8), size(N, T // down, 16)
    return [
        (i * high, (i + 1) * high, j * wide, (j + 1) * wide)
        for i in range(down)
        for j in range(across)
    ]


def cut__rows_and_columns_exchanged(M, N, T):
    """Divides rows by the number for columns."""
    down = min(factors(T), key=lambda d: (size(M, d, 8) + 8) * size(N, T // d, 16))
    return even(M, N, T, T // down)


def cut__as_if_all_shares_were_whole(M, N, T):
    """Forgets that a share is no larger than c when it chooses."""
    down = min(factors(T), key=lambda d: size(M, d, 8) * size(N, T // d, 16))
    return even(M, N, T, down)


def cut__threads_left_idle(M, N, T):
    """Leaves all to the first thread if c is small."""
    if M * N < 10_000:
        return [(0, M, 0, N)] + [(M, M, N, N)] * (T - 1)
    down = min(factors(T), key=lambda d: (size(M, d, 8) + 8) * size(N, T // d, 16))
    return even(M, N, T, down)


def cut__last_rows_twice(M, N, T):
    """Moves the last shares back so that they are whole."""
    down = min(factors(T), key=lambda d: (size(M, d, 8) + 8) * size(N, T // d, 16))
    across, high, wide = T // down, size(M, down, 8), size(N, T // down, 16)
    return [
        (max(0, min(i * high, M - high)), min((i + 1) * high, M), j, min(j + wide, N))
        for i in range(down)
        for j in (min(n * wide, N) for n in range(across))
    ]
