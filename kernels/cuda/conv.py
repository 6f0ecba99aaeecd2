"""Convolutions: which kernels of `ladders.convolution` run, and on which arrays."""

from functools import partial

from minae.kernels import shapes, shapes_images
from minae.kernels.cuda.ladders import convolution
from minae.kernels.cuda.launch.covered import covered
from minae.kernels.cuda.launch.device import empty, launch
from minae.kernels.cuda.layout import contiguous


@covered(operands=3)
def conv2d(x, weight, bias=None, activation=None, **geometry):
    output_size = shapes_images.check_conv2d(x, weight, bias, **geometry)
    y = empty((len(x), len(weight), *output_size), x)
    bias = None if bias is None else contiguous(bias)
    operands = contiguous(x), contiguous(weight), bias, y
    launch(convolution.conv2d(*operands, activation, **geometry))
    return y


@covered(operands=2)
def conv2d_dx(dy, weight, input_size, bias=None, activation=None, **geometry):
    shapes_images.check_conv2d_dx(dy, weight, input_size, bias, **geometry)
    dx = empty((len(dy), weight.shape[1] * geometry["groups"], *input_size), dy)
    bias = None if bias is None else contiguous(bias)
    operands = contiguous(dy), contiguous(weight), bias, dx
    launch(convolution.conv2d_dx(*operands, activation, **geometry))
    return dx


@covered(operands=4)
def conv2d_backward(
    dy, x, weight, y, activation=None, needs=(True, True), dweight=None, dbias=None, **geometry
):
    shapes_images.check_conv2d_backward(dy, x, weight, y, **geometry)
    dz, dbias = _activation_backward(dy, y, activation, dbias)
    dx = conv2d_dx(dz, weight, x.shape[2:], **geometry) if needs[0] else None
    return dx, _dweight(x, dz, weight, dweight, geometry) if needs[1] else None, dbias


@covered(operands=4)
def conv_transpose2d_backward(
    dy, x, weight, y, activation=None, needs=(True, True), dweight=None, dbias=None, **geometry
):
    shapes_images.check_conv_transpose2d_backward(dy, x, weight, y, **geometry)
    dz, dbias = _activation_backward(dy, y, activation, dbias)
    dx = conv2d(dz, weight, **geometry) if needs[0] else None
    return dx, _dweight(dz, x, weight, dweight, geometry) if needs[1] else None, dbias


def _activation_backward(dy, y, activation, dbias):
    """Return dz, the gradient before the activation, and its sum over images and pixels."""
    dy, dbias = contiguous(dy), empty((dy.shape[1],), dy) if dbias is None else dbias
    relu = shapes.check_activation(activation)
    dz = empty(dy.shape, dy) if relu else dy
    ends = (contiguous(y), dz) if relu else ()
    launch(convolution.conv2d_dbias(dy, dbias, partial(empty, like=dy), *ends))
    return dz, dbias


def _dweight(x, dz, weight, out, geometry):
    out = empty(weight.shape, weight) if out is None else out
    arrays = contiguous(x), contiguous(dz), out
    launch(convolution.conv2d_dweight(*arrays, partial(empty, like=out), **geometry))
    return out
