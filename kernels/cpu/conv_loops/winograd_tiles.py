"""Winograd's transforms of tiles, and of all the tiles in a row of an image.

    Bᵀ d B    6 x 6 pixels of x, as the products take them        A y Aᵀ    its counterpart for dy
    Aᵀ m A    4 x 4 pixels of y, from the products                B v Bᵀ    its counterpart for dx

The constants are float32, since a float64 would turn whatever it multiplies into float64.
"""

import numpy as np

from minae.kernels.cpu.compile.compiled import compiled

TWO, FOUR, FIVE, EIGHT = np.float32(2), np.float32(4), np.float32(5), np.float32(8)


@compiled
def input_transform(d0, d1, d2, d3, d4, d5):
    """Return Bᵀ d."""
    p, q, u, v = d4 - FOUR * d2, d3 - FOUR * d1, d4 - d2, TWO * (d3 - d1)
    return FOUR * d0 - FIVE * d2 + d4, p + q, p - q, u + v, u - v, FOUR * d1 - FIVE * d3 + d5


@compiled
def input_transposed(v0, v1, v2, v3, v4, v5):
    """Return B v, the transpose of input_transform."""
    p, q, u, v = v1 + v2, v1 - v2, v3 + v4, TWO * (v3 - v4)
    r, s = FOUR * (v5 - q) - v, q + v - FIVE * v5
    return FOUR * v0, r, -FIVE * v0 - FOUR * p - u, s, v0 + p + u, v5


@compiled
def output_transform(m0, m1, m2, m3, m4, m5):
    """Return Aᵀ m."""
    p, q, u, v = m1 + m2, m1 - m2, m3 + m4, m3 - m4
    return m0 + p + u, q + TWO * v, p + FOUR * u, q + EIGHT * v + m5


@compiled
def output_transposed(y0, y1, y2, y3):
    """Return A y, the transpose of output_transform."""
    p, q, u, v = y0 + y2, y1 + y3, y0 + FOUR * y2, TWO * y1 + EIGHT * y3
    return y0, p + q, p - q, u + v, u - v, y3


# Tiles are transformed along their columns first, all neighbours in memory at once, and then along
# their rows, tile by tile, where the runs are the channels of a pixel.


@compiled
def to_v(pixels, rows, across, v, first):
    """v[:, :, first + tile] = Bᵀ d B of each tile d; pixels (6, W, C); rows is overwritten."""
    _, W, C = pixels.shape
    d, e = pixels.reshape(6, W * C), rows.reshape(6, W * C)
    for k in range(W * C):
        e0, e1, e2, e3, e4, e5 = input_transform(
            d[0, k], d[1, k], d[2, k], d[3, k], d[4, k], d[5, k]
        )
        e[0, k], e[1, k], e[2, k], e[3, k], e[4, k], e[5, k] = e0, e1, e2, e3, e4, e5
    for i in range(6):
        for tile in range(across):
            p, r = rows[i, 4 * tile : 4 * tile + 6], first + tile
            for c in range(C):
                v0, v1, v2, v3, v4, v5 = input_transform(
                    p[0, c], p[1, c], p[2, c], p[3, c], p[4, c], p[5, c]
                )
                v[i, 0, r, c], v[i, 1, r, c], v[i, 2, r, c] = v0, v1, v2
                v[i, 3, r, c], v[i, 4, r, c], v[i, 5, r, c] = v3, v4, v5


@compiled
def columns_of_v(v):
    """v = B v, in place, for all tiles; v (6, 6 * tiles * C)."""
    for k in range(v.shape[1]):
        v0, v1, v2, v3, v4, v5 = input_transposed(
            v[0, k], v[1, k], v[2, k], v[3, k], v[4, k], v[5, k]
        )
        v[0, k], v[1, k], v[2, k], v[3, k], v[4, k], v[5, k] = v0, v1, v2, v3, v4, v5


@compiled
def from_v(v, first, across, i, pixels):
    """pixels += v B for pixels (W, C), row i of a row of tiles, which overlap by two pixels.

    v (6, 6, tiles, C) is the result of columns_of_v.
    """
    C = v.shape[3]
    for tile in range(across):
        p, r = pixels[4 * tile : 4 * tile + 6], first + tile
        for c in range(C):
            d0, d1, d2, d3, d4, d5 = input_transposed(
                v[i, 0, r, c],
                v[i, 1, r, c],
                v[i, 2, r, c],
                v[i, 3, r, c],
                v[i, 4, r, c],
                v[i, 5, r, c],
            )
            p[0, c] += d0
            p[1, c] += d1
            p[2, c] += d2
            p[3, c] += d3
            p[4, c] += d4
            p[5, c] += d5


@compiled
def to_m(pixels, rows, across, m, first):
    """m[:, :, first + tile] = A y Aᵀ of each tile y; pixels (4, W, O); rows is overwritten."""
    _, W, O = pixels.shape  # noqa: E741
    y, e = pixels.reshape(4, W * O), rows.reshape(6, W * O)
    for k in range(W * O):
        e0, e1, e2, e3, e4, e5 = output_transposed(y[0, k], y[1, k], y[2, k], y[3, k])
        e[0, k], e[1, k], e[2, k], e[3, k], e[4, k], e[5, k] = e0, e1, e2, e3, e4, e5
    for i in range(6):
        for tile in range(across):
            p, r = rows[i, 4 * tile : 4 * tile + 4], first + tile
            for o in range(O):
                m0, m1, m2, m3, m4, m5 = output_transposed(p[0, o], p[1, o], p[2, o], p[3, o])
                m[i, 0, r, o], m[i, 1, r, o], m[i, 2, r, o] = m0, m1, m2
                m[i, 3, r, o], m[i, 4, r, o], m[i, 5, r, o] = m3, m4, m5


@compiled
def columns_of_m(m, half):
    """half = Aᵀ m, for all tiles; m (6, 6 * tiles * O), half (4, 6 * tiles * O)."""
    for k in range(m.shape[1]):
        y0, y1, y2, y3 = output_transform(m[0, k], m[1, k], m[2, k], m[3, k], m[4, k], m[5, k])
        half[0, k], half[1, k], half[2, k], half[3, k] = y0, y1, y2, y3


@compiled
def from_m(m, first, across, i, pixels):
    """pixels = m A for pixels (W, O), row i of a row of tiles; m (4, 6, tiles, O)."""
    O = m.shape[3]  # noqa: E741
    for tile in range(across):
        p, r = pixels[4 * tile : 4 * tile + 4], first + tile
        for o in range(O):
            y0, y1, y2, y3 = output_transform(
                m[i, 0, r, o],
                m[i, 1, r, o],
                m[i, 2, r, o],
                m[i, 3, r, o],
                m[i, 4, r, o],
                m[i, 5, r, o],
            )
            p[0, o], p[1, o], p[2, o], p[3, o] = y0, y1, y2, y3
