"""Recurrent layers: what happens to one row at one step, on either side of the product with W_hh.

A row of `parts` has n, r, z, W_hn h + b_hn and h of a GRU; i, f, g, o, h and c of an LSTM. A row of
`dparts` has the gradients of the first four, before their activation. Loops are short and many, so
that each has few arrays: of more, the compiler does not find out whether they overlap, and leaves
the loop without vector instructions.
"""

from minae.kernels.cpu.compile.compiled import compiled_inside
from minae.kernels.cpu.compile.vector_math import sigmoid, tanh


@compiled_inside
def gru_cell(parts, of_h, h):
    """Complete a row's parts, of which n, r, z are of x alone so far, and h becomes the next."""
    H = h.size
    n, r, z, both = parts[:H], parts[H : 2 * H], parts[2 * H : 3 * H], parts[H : 3 * H]
    n_h, before, n_of_h = parts[3 * H : 4 * H], parts[4 * H :], of_h[2 * H :]
    for j in range(2 * H):
        both[j] = sigmoid(both[j] + of_h[j])
    for j in range(H):
        n[j] = tanh(n[j] + r[j] * n_of_h[j])
    for j in range(H):
        n_h[j] = n_of_h[j]
    for j in range(H):
        before[j] = h[j]
    for j in range(H):
        h[j] = n[j] + z[j] * (h[j] - n[j])


@compiled_inside
def gru_cell_backward(parts, dparts, dh):
    """Set dparts from the gradient of the next h, and dh to that of this one, but for W_hh's."""
    H, one = dh.size, dh.dtype.type(1)
    n, r, z, n_h, h = (
        parts[:H],
        parts[H : 2 * H],
        parts[2 * H : 3 * H],
        parts[3 * H :],
        parts[4 * H :],
    )
    dn, dr, dz, dn_h = dparts[:H], dparts[H : 2 * H], dparts[2 * H : 3 * H], dparts[3 * H :]
    for j in range(H):
        dn[j] = dh[j] * (one - z[j]) * (one - n[j] * n[j])
    for j in range(H):
        dz[j] = dh[j] * (h[j] - n[j]) * (z[j] * (one - z[j]))
    for j in range(H):
        dr[j] = dn[j] * n_h[j] * (r[j] * (one - r[j]))
    for j in range(H):
        dn_h[j] = dn[j] * r[j]
    for j in range(H):
        dh[j] *= z[j]


@compiled_inside
def lstm_cell(parts, of_h, h, c):
    """Complete a row's parts, of which i, f, g, o are of x alone so far; h, c become the next."""
    H = h.size
    i, f, g, o, i_f = parts[:H], parts[H:], parts[2 * H :], parts[3 * H :], parts[: 2 * H]
    before, c_before, g_of_h, o_of_h = parts[4 * H :], parts[5 * H :], of_h[2 * H :], of_h[3 * H :]
    for j in range(2 * H):
        i_f[j] = sigmoid(i_f[j] + of_h[j])
    for j in range(H):
        g[j] = tanh(g[j] + g_of_h[j])
    for j in range(H):
        o[j] = sigmoid(o[j] + o_of_h[j])
    for j in range(H):
        before[j] = h[j]
    for j in range(H):
        c_before[j] = c[j]
    for j in range(H):
        c[j] = f[j] * c[j] + i[j] * g[j]
    for j in range(H):
        h[j] = o[j] * tanh(c[j])


@compiled_inside
def lstm_cell_backward(parts, dparts, dh, dc):
    """Set dparts from the gradients of the next h and c, dc to that of this c, and dh to 0."""
    H, one = dh.size, dh.dtype.type(1)
    i, f, g, o, c = parts[:H], parts[H:], parts[2 * H :], parts[3 * H :], parts[5 * H :]
    di, df, dg, do = dparts[:H], dparts[H:], dparts[2 * H :], dparts[3 * H :]
    for j in range(H):
        do[j] = tanh(f[j] * c[j] + i[j] * g[j])  # of the next c
    for j in range(H):
        dc[j] += dh[j] * o[j] * (one - do[j] * do[j])
    for j in range(H):
        do[j] *= dh[j] * o[j] * (one - o[j])
    for j in range(H):
        di[j] = dc[j] * g[j] * (i[j] * (one - i[j]))
    for j in range(H):
        df[j] = dc[j] * c[j] * (f[j] * (one - f[j]))
    for j in range(H):
        dg[j] = dc[j] * i[j] * (one - g[j] * g[j])
    for j in range(H):
        dc[j] *= f[j]
    for j in range(H):
        dh[j] = 0
