"""Every figure, in one style: plain arrays in, a matplotlib Figure out; `save` writes it as PNG.

Nothing here needs a display, touches pyplot, or changes the user's own matplotlib settings. An
image pixel is drawn as a whole number of figure pixels, so that it stays sharp.
"""

from minae.plots.codes import MAX_POINTS, code_map, latent_plane
from minae.plots.curves import bars, learning_curves, lines, requests, roofline
from minae.plots.details import TILE, Detail, details
from minae.plots.images import image_grid, latent_grid, reconstructions, strips
from minae.plots.restoration import restoration
from minae.plots.spectrograms import spectrograms
from minae.plots.style import BLUE, COLOURS, DPI, INK, MUTED, RED, as_png, check_png, save
from minae.plots.windows import lanes, windows

__all__ = [
    "BLUE", "COLOURS", "DPI", "INK", "MAX_POINTS", "MUTED", "RED", "TILE", "Detail", "as_png",
    "bars", "check_png", "code_map", "details", "image_grid", "lanes", "latent_grid",
    "latent_plane", "learning_curves", "lines", "reconstructions", "requests", "restoration",
    "roofline", "save", "spectrograms", "strips", "windows",
]  # fmt: skip
