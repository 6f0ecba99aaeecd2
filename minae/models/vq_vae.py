"""The vector-quantised autoencoder (van den Oord et al. 2017): codes are whole numbers."""

import numpy as np

from minae import nn, ops
from minae.models import base
from minae.models.autoencoders import LOSSES
from minae.models.base import Autoencoder, Shape, Stages
from minae.tensor import Tensor


class VQVAE(Autoencoder):
    """Convolutions down to a map of vectors, each replaced by the nearest one of a codebook.

    An image becomes h x w whole numbers, each below `codes`, the number of vectors in the codebook:
    h w log2(codes) bits. `latent` is the length of each vector; the rest is as in ConvAutoencoder.
    """

    kinds = base.OF_GRIDS

    def __init__(
        self,
        image_shape: Shape = (1, 28, 28),
        channels: tuple[int, ...] = (32, 64),
        codes: int = 64,
        latent: int = 16,
        convs_per_stage: int = 1,
        loss: str = "bce",
    ):
        base.check_choice("loss", loss, LOSSES)
        base.check_count("codes", codes, 2)
        base.check_count("latent", latent)
        self.has_logits = loss == "bce"
        stages = Stages(image_shape, channels, convs_per_stage)
        c, h, w = stages.shapes[-1]
        self.encoder = nn.Sequential(*stages.down(), nn.Conv2d(c, latent, 1))
        self.quantizer = nn.VectorQuantizer(codes, latent)
        start = nn.Unflatten(1, (latent, h, w)), nn.Conv2d(latent, c, 1), nn.ReLU()
        self.decoder = nn.Sequential(*start, *stages.up())
        base.initialise("relu", self.encoder, self.decoder)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the codes (N, latent h w), their indices (N, h, w), and the codebook's loss."""
        z = self.encoder(x).permute(0, 2, 3, 1)  # (N, h, w, latent)
        quantised, index, loss = self.quantizer(z.flatten(0, 2))
        codes = quantised.reshape(z.shape).permute(0, 3, 1, 2).flatten(1)
        return codes, index.reshape(z.shape[:3]), loss

    def codes(self, x: Tensor) -> Tensor:
        """Return the code of each input, its vectors concatenated: (N, latent h w)."""
        return self.encode(x)[0]

    def loss(self, x: Tensor, target: Tensor | None = None) -> Tensor:
        """Return the loss of reconstruction and codebook, summed over an image, mean of images."""
        return self._terms(x, target)[0]

    def metrics(self, x: Tensor, target: Tensor | None = None) -> dict[str, float]:
        """Return the loss, the squared error, and the perplexity of the codebook's use.

        Perplexity, e to the entropy of the indices in this batch, is the number of equally used
        codes that would hold as much information.
        """
        loss, index = self._terms(x, target)
        used = np.unique_counts(index.cpu().data).counts / index.numel()  # the share of each code
        perplexity = float(np.exp(-(used * np.log(used)).sum()))
        error = self.squared_error(x, target)
        return {"loss": loss.item(), "squared_error": error, "perplexity": perplexity}

    def _terms(self, x: Tensor, target: Tensor | None) -> tuple[Tensor, Tensor]:
        codes, index, codebook_loss = self.encode(x)
        output = self.decoder(codes)
        loss = ops.binary_cross_entropy_with_logits if self.has_logits else ops.mse_loss
        reconstruction = loss(output, x if target is None else target, reduction="batchmean")
        return reconstruction + codebook_loss / len(x), index
