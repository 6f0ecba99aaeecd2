"""The inner loops of convolution: over patches of the image, or Winograd's over tiles."""
