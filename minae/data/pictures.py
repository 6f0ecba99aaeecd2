"""Read one picture with Pillow, upright and with all that is to be kept of it, and write it."""

import math
import os
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from minae.data.memory import check_room, naming
from minae.errors import InputError

_ORIENTATION, _BITS = 0x0112, 0x0102  # tags of EXIF and TIFF
#: Tags that describe a picture; a TIFF's others say where in that file its pixels are.
_DESCRIPTIVE = {
    0x010E, 0x010F, 0x0110, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x013C, 0x8298, 0x8769,
    0x8825,
}  # fmt: skip


@dataclass(eq=False)
class Picture:
    """A picture as it is to be looked at: turned upright if its EXIF data say so."""

    pixels: np.ndarray  # uint8 or uint16 (C, H, W); C is 1 (grey) or 3 (colour)
    alpha: np.ndarray | None = None  # opacity (H, W), of the same type
    extras: dict[str, Any] = field(default_factory=dict)  # Pillow's exif, icc_profile and dpi
    remarks: list[str] = field(default_factory=list)  # what of the file is not in the picture

    @property
    def size(self) -> str:
        """Width and height, such as 640x480."""
        _, height, width = self.pixels.shape
        return f"{width}x{height}"

    @property
    def top(self) -> int:
        """The value of white: 255 or 65535."""
        return int(np.iinfo(self.pixels.dtype).max)

    @property
    def is_transparent(self) -> bool:
        """Whether it can be seen through somewhere."""
        return self.alpha is not None and bool(self.alpha.min() < self.top)

    @property
    def in_8_bits(self) -> np.ndarray:
        """The pixels as uint8 (C, H, W)."""
        return np.rint(self.pixels * (255 / self.top)).astype(np.uint8)


def read_picture(path: Path) -> Picture:
    """Read a picture of 8 bits a channel, or of 16: grey in any kind of file, colours in a TIFF.

    Of an animation, or of several pages, the first is read. Black and white become grey; palettes,
    CMYK and the like become RGB. Raises InputError, which names the file, if it cannot be used.
    """
    from PIL import Image, UnidentifiedImageError

    with naming(path):
        if os.path.isdir(path):
            raise InputError(
                "is a folder that is empty or lies too deep; "
                "give a folder with images in it or directly in its subfolders"
            )
        if not os.path.exists(path):
            raise InputError("there is no such file; check the path")
        check_regular(path)
        try:
            # Pillow warns of many pixels, which check_room knows better, and of damaged EXIF data
            with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
                return _read(image, path)
        except (InputError, MemoryError):
            raise
        except Image.DecompressionBombError as error:
            raise InputError("has too many pixels to be read; give smaller images") from error
        except Exception as error:  # Pillow's decoders raise almost anything on a damaged file
            why = f"{type(error).__name__}: {error}"
            if isinstance(error, UnidentifiedImageError):
                why = "of no known kind, or damaged at its start"
            if not os.path.getsize(path):
                why = "it is empty"
            what = f"cannot be read as an image ({why})"
            raise InputError(f"{what}; remove it or save it again") from error


def check_regular(path: Path) -> None:
    """Raise InputError for a pipe or a device: reading it may never end."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError("is a pipe or a device; copy what it gives into a file first")


def luminance(colours: np.ndarray) -> np.ndarray:
    """Return red, green and blue (3, H, W) as grey (1, H, W) of the same type, by ITU-R BT.601."""
    grey = np.tensordot(np.array([0.299, 0.587, 0.114], np.float32), colours, 1)[None]
    return grey if colours.dtype.kind == "f" else np.rint(grey).astype(colours.dtype)


def encode(picture: Picture) -> tuple[str, bytes]:
    """Return the suffix and the content of a file that holds a picture without loss.

    It is a PNG; of 16 bits and several channels, which Pillow cannot write, a TIFF without EXIF.
    """
    opacity = [] if picture.alpha is None else [picture.alpha]
    channels = np.stack([*picture.pixels, *opacity], axis=-1)  # (H, W, 1 to 4)
    content = BytesIO()
    if channels.dtype == np.uint16 and channels.shape[-1] > 1:
        import tifffile

        tifffile.imwrite(
            content,
            channels,
            photometric="rgb",
            extrasamples=["unassalpha"] * len(opacity),
            compression="zlib",
            iccprofile=picture.extras.get("icc_profile"),
            metadata=None,
        )
        return ".tif", content.getvalue()
    from PIL import Image

    image = Image.fromarray(channels[..., 0] if channels.shape[-1] == 1 else channels)
    image.save(content, format="PNG", **picture.extras)
    return ".png", content.getvalue()


def _read(image: Any, path: Path) -> Picture:
    """Return the picture in a file that Pillow has opened."""
    bits, remarks = _bits(image), []
    check_room(math.prod(image.size) * len(image.getbands()), bits // 8)
    frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    if frames > 1:  # but not the depth map, or the like, that a phone adds
        remarks.append(f"of its {frames} frames the first is taken")
    orientation = None
    if bits == 16 and not image.mode.startswith("I"):
        orientation = image.tag_v2.get(_ORIENTATION)  # which Pillow sees to, but not tifffile
        channels = _tiff_colours(path)
    else:
        image.load()
        channels = _channels(image, bits)
    extras = _extras(image)
    if image.mode == "CMYK":
        remarks.append("CMYK becomes RGB, without its colour profile")
        extras.pop("icc_profile", None)
    channels = _upright(channels, orientation or extras.pop("orientation"))
    extras.pop("orientation", None)
    colours = len(channels) - (len(channels) + 1) % 2  # 1 or 3; an even number is with opacity
    alpha = channels[-1] if len(channels) > colours else None
    return Picture(channels[:colours], alpha, extras, remarks)


def _bits(image: Any) -> int:
    """Return the bits a channel of an opened file: 16, or 8 if it has less.

    Raises InputError where Pillow would cut some off, or values are no picture's.
    """
    grey = image.mode.startswith("I")
    if image.format == "TIFF":
        bits = max(image.tag_v2.get(_BITS, (1,)))
        if bits not in (1, 2, 4, 8, 16) or image.mode in ("I", "F"):  # signed, or of 32 bits
            raise InputError("has values of neither 8 nor 16 bits a channel; save it with 8 bits")
        return 16 if bits == 16 else 8
    deep = grey or ";16" in str(image.tile)
    if image.format == "PPM":  # the last argument is the value of white
        deep = deep or any(value > 255 for value in image.tile[0].args[1:])
    if image.mode == "F":
        raise InputError("has values of neither 8 nor 16 bits a channel; save it with 8 bits")
    if deep and not grey:
        raise InputError(
            "has more than 8 bits a channel, which is read of grey pictures and TIFFs alone; "
            "save it with 8 bits, or as a TIFF"
        )
    return 16 if deep else 8


def _channels(image: Any, bits: int) -> np.ndarray:
    """Return a loaded image as (C, H, W): grey or RGB, and its opacity where it has one."""
    if bits == 16:
        return np.asarray(image).astype(np.uint16)[None]
    mode = "L" if image.mode in ("1", "L", "LA") else "RGB"
    if "A" in image.getbands() or "transparency" in image.info:
        mode += "A"
    array = np.asarray(image.convert(mode))  # (H, W) or (H, W, C)
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def _tiff_colours(path: Path) -> np.ndarray:
    """Return the first page of a TIFF of 16 bits, uint16 (C, H, W): RGB, and opacity if it has."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        try:
            array = page.asarray()
        except ValueError as error:  # imagecodecs is not installed
            raise InputError(
                "has 16 bits a channel, compressed in a way that cannot be read; "
                "save it without compression"
            ) from error
        channels = array if page.axes == "SYX" else array.transpose(2, 0, 1)
    if page.photometric != tifffile.PHOTOMETRIC.RGB or len(channels) not in (3, 4):
        raise InputError("has 16 bits a channel, but not of red, green and blue; convert it to RGB")
    return channels


def _extras(image: Any) -> dict[str, Any]:
    """Return what a loaded image's file says besides the pixels, and their `orientation`."""
    extras: dict[str, Any] = {"orientation": 1}
    if profile := image.info.get("icc_profile"):
        extras["icc_profile"] = profile
    with suppress(Exception):  # Pillow raises almost anything on a damaged block of EXIF data
        exif = image.getexif()
        extras["orientation"] = exif.pop(_ORIENTATION, 1)
        for tag in [*exif] if image.format == "TIFF" else []:
            if tag not in _DESCRIPTIVE:
                del exif[tag]
        if len(exif):
            extras["exif"] = exif.tobytes()
    with suppress(TypeError, ValueError, ZeroDivisionError):  # a damaged one
        across, down = map(float, image.info.get("dpi", ()))
        if min(across, down) > 0 and max(across, down) < 1e6:
            extras["dpi"] = across, down
    return extras


def _upright(channels: np.ndarray, orientation: Any) -> np.ndarray:
    """Turn and mirror (C, H, W) as EXIF's orientation, 1 to 8, says; other values say nothing."""
    if orientation in (5, 6, 7, 8):
        channels = channels.swapaxes(1, 2)
    if orientation in (2, 3, 6, 7):
        channels = channels[:, :, ::-1]
    if orientation in (3, 4, 7, 8):
        channels = channels[:, ::-1]
    return channels
