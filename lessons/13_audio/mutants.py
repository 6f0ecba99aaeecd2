"""Wrong answers that people give, each of which the checks must reject."""

import numpy as np


def _coefficients(frequency, bandwidth, rate):
    c = -np.exp(-2 * np.pi * bandwidth / rate)
    b = 2 * np.exp(-np.pi * bandwidth / rate) * np.cos(2 * np.pi * frequency / rate)
    return 1 - b - c, b, c


def _recursion(x, a, b, c):
    y = np.zeros(len(x))
    last = before = 0.0
    for t in range(len(x)):
        last, before = a * x[t] + b * last + c * before, last
        y[t] = last
    return y


def resonator__sign_of_c(x, frequency, bandwidth, rate):
    """Takes c as positive: the sound grows without end."""
    _, b, c = _coefficients(frequency, bandwidth, rate)
    return _recursion(x, 1 - b + c, b, -c)


def resonator__sign_of_b(x, frequency, bandwidth, rate):
    """Subtracts b times the last output: resonates at half the rate minus the frequency."""
    _, b, c = _coefficients(frequency, bandwidth, rate)
    return _recursion(x, 1 + b - c, -b, c)


def resonator__radius_once(x, frequency, bandwidth, rate):
    """Forgets the 2 in c, which makes it fade too slowly."""
    c = -np.exp(-np.pi * bandwidth / rate)
    _, b, _ = _coefficients(frequency, bandwidth, rate)
    return _recursion(x, 1 - b - c, b, c)


def resonator__half_the_angle(x, frequency, bandwidth, rate):
    """Forgets the 2 in the cosine: resonates at half the frequency."""
    a, b, c = _coefficients(frequency / 2, bandwidth, rate)
    return _recursion(x, a, b, c)


def resonator__degrees(x, frequency, bandwidth, rate):
    """Takes the cosine of degrees."""
    _, _, c = _coefficients(frequency, bandwidth, rate)
    b = 2 * np.sqrt(-c) * np.cos(360 * frequency / rate)
    return _recursion(x, 1 - b - c, b, c)


def resonator__no_gain(x, frequency, bandwidth, rate):
    """Leaves out a: the sound is much too loud."""
    _, b, c = _coefficients(frequency, bandwidth, rate)
    return _recursion(x, 1, b, c)


def resonator__gain_without_c(x, frequency, bandwidth, rate):
    """Takes a = 1 - b."""
    _, b, c = _coefficients(frequency, bandwidth, rate)
    return _recursion(x, 1 - b, b, c)


def resonator__of_inputs(x, frequency, bandwidth, rate):
    """Weighs the last two inputs instead of the last two outputs: nothing rings."""
    a, b, c = _coefficients(frequency, bandwidth, rate)
    y = a * x
    y[1:] += b * x[:-1]
    y[2:] += c * x[:-2]
    return y


def resonator__both_the_last(x, frequency, bandwidth, rate):
    """Uses the last output twice, since it overwrites the one before too early."""
    a, b, c = _coefficients(frequency, bandwidth, rate)
    y = np.zeros(len(x))
    last = 0.0
    for t in range(len(x)):
        before = last
        last = a * x[t] + b * last + c * before
        y[t] = last
    return y


def resonator__begins_late(x, frequency, bandwidth, rate):
    """Begins at t = 2, since there is no y[-2]: right if the sound begins with two zeros."""
    a, b, c = _coefficients(frequency, bandwidth, rate)
    y = np.zeros(len(x))
    for t in range(2, len(x)):
        y[t] = a * x[t] + b * y[t - 1] + c * y[t - 2]
    return y


def resonator__begins_with_x(x, frequency, bandwidth, rate):
    """Passes on the first two samples as they are."""
    a, b, c = _coefficients(frequency, bandwidth, rate)
    y = np.array(x, float)
    for t in range(2, len(x)):
        y[t] = a * x[t] + b * y[t - 1] + c * y[t - 2]
    return y


def resonator__wraps_around(x, frequency, bandwidth, rate):
    """Writes into a copy of x: y[-1] is the end of the sound. Right if it ends in silence."""
    a, b, c = _coefficients(frequency, bandwidth, rate)
    y = np.array(x, float)
    for t in range(len(x)):
        y[t] = a * x[t] + b * y[t - 1] + c * (y[t - 2] if len(x) > 1 else 0)
    return y


def resonator__type_of_x(x, frequency, bandwidth, rate):
    """Returns an array of the input's type: of whole numbers only zeros are left."""
    return _recursion(x, *_coefficients(frequency, bandwidth, rate)).astype(x.dtype)


def resonator__one_rate(x, frequency, bandwidth, rate):
    """Takes 10,000 samples a second for granted, as in the lesson."""
    return _recursion(x, *_coefficients(frequency, bandwidth, 10_000))


def resonator__loud_at_its_peak(x, frequency, bandwidth, rate):
    """Scales so that the gain is 1 at the resonance, not at 0 Hz."""
    _, b, c = _coefficients(frequency, bandwidth, rate)
    z = np.exp(-2j * np.pi * frequency / rate)
    return _recursion(x, np.abs(1 - b * z - c * z**2), b, c)


def to_int16__wraps(x):
    """Does not clip: what is a little too loud comes out as the opposite."""
    return np.rint(x * 32768).astype(np.int64).astype(np.int16)


def to_int16__clips_at_one(x):
    """Clips samples to [-1, 1] first: 32768 still wraps. Right for all but full scale."""
    return np.rint(np.clip(x, -1, 1) * 32768).astype(np.int64).astype(np.int16)


def to_int16__clips_too_late(x):
    """Converts, then clips."""
    return np.clip(np.rint(x * 32768).astype(np.int64).astype(np.int16), -32768, 32767)


def to_int16__cuts_off(x):
    """Cuts fractions off instead of rounding."""
    return np.clip(x * 32768, -32768, 32767).astype(np.int16)


def to_int16__rounds_down(x):
    """Rounds down."""
    return np.clip(np.floor(x * 32768), -32768, 32767).astype(np.int16)


def to_int16__half_up_and_cut(x):
    """Adds a half and cuts off: right for positive samples only."""
    return np.clip(x * 32768 + 0.5, -32768, 32767).astype(np.int16)


def to_int16__by_32767(x):
    """Multiplies by 32767: right for quiet samples, and at full scale."""
    return np.clip(np.rint(x * 32767), -32768, 32767).astype(np.int16)


def to_int16__symmetric(x):
    """Clips to -32767 as well: right for all but the lowest number."""
    return np.clip(np.rint(x * 32768), -32767, 32767).astype(np.int16)


def to_int16__clips_above(x):
    """Clips what is too high, not what is too low."""
    return np.minimum(np.rint(x * 32768), 32767).astype(np.int64).astype(np.int16)


def to_int16__normalises(x):
    """Scales the sound so that its peak is full scale."""
    peak = np.abs(x).max(initial=1e-12)
    return np.clip(np.rint(x / peak * 32768), -32768, 32767).astype(np.int16)


def to_int16__stays_float(x):
    """Returns whole numbers, but as floats."""
    return np.clip(np.rint(x * 32768), -32768.0, 32767.0)


def to_int16__unsigned(x):
    """Shifts the range to begin at 0, as files of 8 bits do."""
    return np.clip(np.rint(x * 32768) + 32768, 0, 65535).astype(np.uint16)


def to_int16__half_precision(x):
    """Computes in float16, which has 11 bits."""
    with np.errstate(over="ignore"):
        whole = np.rint(x.astype(np.float16) * np.float32(32768))
    return np.clip(whole, -32768, 32767).astype(np.int16)


def frames__one_too_few(x, size, hop):
    """Counts (n - size) // hop frames: the last one is missing."""
    starts = np.arange((len(x) - size) // hop) * hop
    return x[starts[:, None] + np.arange(size)]


def frames__last_start_left_out(x, size, hop):
    """Ends np.arange at n - size, which it leaves out: right unless the last frame fits exactly."""
    starts = np.arange(0, max(len(x) - size, 1), hop)
    return x[starts[:, None] + np.arange(size)]


def frames__padded(x, size, hop):
    """Fills up a last frame with zeros."""
    T = 1 + -(-(len(x) - size) // hop)
    longer = np.concatenate([x, np.zeros(max(0, (T - 1) * hop + size - len(x)))])
    return longer[(np.arange(T) * hop)[:, None] + np.arange(size)]


def frames__a_start_every_hop(x, size, hop):
    """Begins a frame at every hop of the sound, and fills up with zeros."""
    longer = np.concatenate([x, np.zeros(size)])
    return longer[np.arange(0, len(x), hop)[:, None] + np.arange(size)]


def frames__centred(x, size, hop):
    """Pads half a frame at both ends, as the lesson's spectrograms do."""
    longer = np.pad(x, size // 2)
    starts = np.arange(0, len(longer) - size + 1, hop)
    return longer[starts[:, None] + np.arange(size)]


def frames__hop_is_overlap(x, size, hop):
    """Takes hop for the overlap: right for half a frame."""
    step = max(size - hop, 1)
    starts = np.arange(0, len(x) - size + 1, step)
    return x[starts[:, None] + np.arange(size)]


def frames__side_by_side(x, size, hop):
    """Cuts the sound without overlap: right if hop is the size."""
    T = len(x) // size
    return x[: T * size].reshape(T, size)


def frames__transposed(x, size, hop):
    """Returns frames as columns."""
    starts = np.arange(0, len(x) - size + 1, hop)
    return x[starts + np.arange(size)[:, None]]


def frames__windowed(x, size, hop):
    """Multiplies by Hann's window, too."""
    starts = np.arange(0, len(x) - size + 1, hop)
    return x[starts[:, None] + np.arange(size)] * np.hanning(size + 2)[1:-1]


def frames__thinned(x, size, hop):
    """Takes every hop-th sample of each frame: right for a hop of 1."""
    starts = np.arange(0, len(x) - size + 1, hop)
    return x[starts[:, None] + np.arange(0, size, hop)]


def frames__steps_in_bytes(x, size, hop):
    """Sets strides by the size of a number: right if the samples lie side by side in memory."""
    T, step = 1 + (len(x) - size) // hop, x.itemsize
    return np.lib.stride_tricks.as_strided(x, (T, size), (hop * step, step)).copy()


def _places(bands, rate):
    top = 2595 * np.log10(1 + rate / 2 / 700)
    return 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)


def _triangles(places, frequencies):
    low, peak, high = places[:-2, None], places[1:-1, None], places[2:, None]
    rise, fall = (frequencies - low) / (peak - low), (high - frequencies) / (high - peak)
    return np.maximum(np.minimum(rise, fall), 0)


def _frequencies(size, rate):
    return np.arange(size // 2 + 1) * rate / size


def mel_filters__in_hz(bands, size, rate):
    """Puts the places at equal distances in Hz."""
    return _triangles(np.linspace(0, rate / 2, bands + 2), _frequencies(size, rate))


def mel_filters__natural_log_one_way(bands, size, rate):
    """Takes the natural logarithm there, and a power of 10 back."""
    top = 2595 * np.log(1 + rate / 2 / 700) / np.log(10) ** 2
    places = 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)
    return _triangles(places, _frequencies(size, rate))


def mel_filters__knee_at_1000(bands, size, rate):
    """Bends the scale at 1000 Hz instead of 700."""
    top = np.log10(1 + rate / 2 / 1000)
    places = 1000 * (10 ** np.linspace(0, top, bands + 2) - 1)
    return _triangles(places, _frequencies(size, rate))


def mel_filters__slaney(bands, size, rate):
    """Uses the other mel scale, even up to 1000 Hz and logarithmic beyond."""
    step = np.log(6.4) / 27

    def mel(f):
        return np.where(f < 1000, 3 * f / 200, 15 + np.log(np.maximum(f, 1000) / 1000) / step)

    m = np.linspace(0, mel(rate / 2), bands + 2)
    places = np.where(m < 15, 200 * m / 3, 1000 * np.exp(step * (m - 15)))
    return _triangles(places, _frequencies(size, rate))


def mel_filters__to_the_rate(bands, size, rate):
    """Spreads the bands up to the rate, not to half of it."""
    return _triangles(_places(bands, 2 * rate), _frequencies(size, rate))


def mel_filters__one_place_short(bands, size, rate):
    """Takes bands + 1 places, and repeats the last: the last band has no far side."""
    top = 2595 * np.log10(1 + rate / 2 / 700)
    places = 700 * (10 ** (np.linspace(0, top, bands + 1) / 2595) - 1)
    return _triangles(np.append(places, rate / 2 + 1), _frequencies(size, rate))


def mel_filters__straight_in_mel(bands, size, rate):
    """Draws the triangles over mel: their sides are curved in Hz."""

    def mel(f):
        return 2595 * np.log10(1 + f / 700)

    return _triangles(mel(_places(bands, rate)), mel(_frequencies(size, rate)))


def mel_filters__whole_bins(bands, size, rate):
    """Moves the places to entries of the spectrum first, as many programs do."""
    bins = np.floor((size + 1) * _places(bands, rate) / rate)
    k = np.arange(size // 2 + 1)
    low, peak, high = bins[:-2, None], bins[1:-1, None], bins[2:, None]
    rise, fall = (k - low) / np.maximum(peak - low, 1), (high - k) / np.maximum(high - peak, 1)
    return np.maximum(np.minimum(rise, fall), 0)


def mel_filters__ends_at_half_the_rate(bands, size, rate):
    """Takes half the rate for the last frequency of the spectrum: right for even sizes only."""
    return _triangles(_places(bands, rate), np.linspace(0, rate / 2, size // 2 + 1))


def mel_filters__size_for_bins(bands, size, rate):
    """Divides half the rate by the number of entries, one too many."""
    n = size // 2 + 1
    return _triangles(_places(bands, rate), np.arange(n) * rate / 2 / n)


def mel_filters__equal_areas(bands, size, rate):
    """Divides each triangle by its area, so that wide bands are low."""
    places = _places(bands, rate)
    area = (places[2:] - places[:-2]) / 2
    return _triangles(places, _frequencies(size, rate)) / area[:, None]


def mel_filters__peaks_are_one(bands, size, rate):
    """Scales each band so that its largest weight is 1."""
    weights = _triangles(_places(bands, rate), _frequencies(size, rate))
    return weights / np.maximum(weights.max(axis=1, keepdims=True), 1e-12)


def mel_filters__below_zero(bands, size, rate):
    """Lets the lines go on below zero."""
    places, f = _places(bands, rate), _frequencies(size, rate)
    low, peak, high = places[:-2, None], places[1:-1, None], places[2:, None]
    return np.minimum((f - low) / (peak - low), (high - f) / (high - peak))


def mel_filters__rectangles(bands, size, rate):
    """Counts every frequency of a band fully."""
    return (_triangles(_places(bands, rate), _frequencies(size, rate)) > 0).astype(float)


def mel_filters__equal_sides(bands, size, rate):
    """Lets the triangle fall as steeply as it rises."""
    places, f = _places(bands, rate), _frequencies(size, rate)
    low, peak = places[:-2, None], places[1:-1, None]
    return np.maximum(1 - np.abs(f - peak) / (peak - low), 0)


def mel_filters__transposed(bands, size, rate):
    """Returns a column for each band."""
    return _triangles(_places(bands, rate), _frequencies(size, rate)).T


def _sums(frames, window, hop):
    T, size = frames.shape
    total, weight = np.zeros((2, (T - 1) * hop + size))
    for t in range(T):
        total[t * hop : t * hop + size] += window * frames[t]
        weight[t * hop : t * hop + size] += window**2
    return total, weight


def _divided(total, weight):
    return np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)


def overlap_add__no_weights(frames, window, hop):
    """Adds windowed frames, and does not divide."""
    return _sums(frames, window, hop)[0]


def overlap_add__window_not_squared(frames, window, hop):
    """Divides by the sum of the window, not of its square."""
    total, _ = _sums(frames, window, hop)
    _, weight = _sums(frames, np.sqrt(window), hop)
    return _divided(total, weight)


def overlap_add__no_second_window(frames, window, hop):
    """Adds frames as they are, over the sum of the window: right if they are those of a sound."""
    total, _ = _sums(frames, np.ones_like(window), hop)
    _, weight = _sums(frames, np.sqrt(window), hop)
    return _divided(total, weight)


def overlap_add__takes_the_window_off(frames, window, hop):
    """Divides each frame by the window, then averages: right if they are those of a sound."""
    flat = _divided(frames, np.broadcast_to(window, frames.shape))
    return _divided(*_sums(flat, (window > 0).astype(float), hop))


def overlap_add__last_one_wins(frames, window, hop):
    """Writes frames over each other instead of adding."""
    T, size = frames.shape
    x = np.zeros((T - 1) * hop + size)
    for t in range(T):
        x[t * hop : t * hop + size] = _divided(frames[t], window)
    return x


def overlap_add__last_weight_wins(frames, window, hop):
    """Adds the frames, but writes the weights over each other: right if there is no overlap."""
    T, size = frames.shape
    total, weight = _sums(frames, window, hop)
    for t in range(T):
        weight[t * hop : t * hop + size] = window**2
    return _divided(total, weight)


def overlap_add__one_weight(frames, window, hop):
    """Divides by one number, the weight in the middle: right except at the ends."""
    total, weight = _sums(frames, window, hop)
    return total / weight[len(weight) // 2]


def overlap_add__number_of_frames(frames, window, hop):
    """Divides by how many frames lie over a sample."""
    total, _ = _sums(frames, window, hop)
    _, count = _sums(frames, np.ones_like(window), hop)
    return _divided(total, count)


def overlap_add__nan(frames, window, hop):
    """Divides zero by zero where no frame lies."""
    total, weight = _sums(frames, window, hop)
    with np.errstate(invalid="ignore"):
        return total / weight


def overlap_add__too_short(frames, window, hop):
    """Ends the sound where the last frame begins."""
    T, _ = frames.shape
    return _divided(*_sums(frames, window, hop))[: max(T * hop, 1)]


def overlap_add__whole_steps(frames, window, hop):
    """Returns T hops, cut or filled up with zeros."""
    T, _ = frames.shape
    found = _divided(*_sums(frames, window, hop))[: T * hop]
    return np.pad(found, (0, T * hop - len(found)))


def overlap_add__window_reversed(frames, window, hop):
    """Reverses the window, as in a convolution: right for symmetric ones."""
    return _divided(*_sums(frames, window[::-1], hop))


def overlap_add__half_a_frame(frames, window, hop):
    """Takes half a frame for the hop, as in the lesson."""
    return _divided(*_sums(frames, window, max(1, frames.shape[1] // 2)))


def overlap_add__least_weight(frames, window, hop):
    """Adds a little to the weights, against division by zero: a little too quiet everywhere."""
    total, weight = _sums(frames, window, hop)
    return total / (weight + 1e-3)


def _step(magnitude, phase, stft, istft):
    x = istft(magnitude * np.exp(1j * phase))
    reached = stft(x)
    off = np.linalg.norm(np.abs(reached) - magnitude) / np.linalg.norm(magnitude)
    return x, reached, off


def griffin_lim__keeps_what_it_reached(magnitude, phase, stft, istft, steps):
    """Keeps the reached magnitudes too: from the second step on nothing changes."""
    errors, spectrum = [], magnitude * np.exp(1j * phase)
    for _ in range(steps):
        x = istft(spectrum)
        spectrum = stft(x)
        errors.append(np.linalg.norm(np.abs(spectrum) - magnitude) / np.linalg.norm(magnitude))
    return x, np.array(errors)


def griffin_lim__keeps_the_phases(magnitude, phase, stft, istft, steps):
    """Never changes the phases."""
    errors = []
    for _ in range(steps):
        x, _, off = _step(magnitude, phase, stft, istft)
        errors.append(off)
    return x, np.array(errors)


def griffin_lim__multiplies(magnitude, phase, stft, istft, steps):
    """Multiplies the reached spectrum by the magnitudes, without dividing by its own."""
    errors, spectrum = [], magnitude * np.exp(1j * phase)
    for _ in range(steps):
        x = istft(spectrum)
        reached = stft(x)
        spectrum = magnitude * reached
        errors.append(np.linalg.norm(np.abs(reached) - magnitude) / np.linalg.norm(magnitude))
    return x, np.array(errors)


def griffin_lim__divides_by_zero(magnitude, phase, stft, istft, steps):
    """Divides by the reached magnitude, which may be 0: nan."""
    errors, spectrum = [], magnitude * np.exp(1j * phase)
    for _ in range(steps):
        x = istft(spectrum)
        reached = stft(x)
        with np.errstate(invalid="ignore", divide="ignore"):
            spectrum = magnitude * (reached / np.abs(reached))
        errors.append(np.linalg.norm(np.abs(reached) - magnitude) / np.linalg.norm(magnitude))
    return x, np.array(errors)


def griffin_lim__silent_where_zero(magnitude, phase, stft, istft, steps):
    """Divides by at least a little: where nothing was reached, nothing is asked for again."""
    errors, spectrum = [], magnitude * np.exp(1j * phase)
    for _ in range(steps):
        x = istft(spectrum)
        reached = stft(x)
        spectrum = magnitude * reached / np.maximum(np.abs(reached), 1e-12)
        errors.append(np.linalg.norm(np.abs(reached) - magnitude) / np.linalg.norm(magnitude))
    return x, np.array(errors)


def griffin_lim__old_phase_where_zero(magnitude, phase, stft, istft, steps):
    """Keeps the phase it had where nothing was reached."""
    errors = []
    for _ in range(steps):
        x, reached, off = _step(magnitude, phase, stft, istft)
        phase = np.where(reached == 0, phase, np.angle(reached))
        errors.append(off)
    return x, np.array(errors)


def griffin_lim__wrong_turn(magnitude, phase, stft, istft, steps):
    """Turns the phases the other way."""
    errors = []
    for _ in range(steps):
        x, reached, off = _step(magnitude, phase, stft, istft)
        phase = -np.angle(reached)
        errors.append(off)
    return x, np.array(errors)


def griffin_lim__half_a_turn(magnitude, phase, stft, istft, steps):
    """Finds phases by the arc tangent of a ratio: half of them are off by half a turn."""
    errors = []
    for _ in range(steps):
        x, reached, off = _step(magnitude, phase, stft, istft)
        with np.errstate(invalid="ignore", divide="ignore"):
            phase = np.nan_to_num(np.arctan(reached.imag / reached.real))
        errors.append(off)
    return x, np.array(errors)


def griffin_lim__real_part(magnitude, phase, stft, istft, steps):
    """Takes the cosine of the phase only, so that the spectrum is real."""
    errors = []
    for _ in range(steps):
        x = istft(magnitude * np.cos(phase) + 0j)
        reached = stft(x)
        phase = np.angle(reached)
        errors.append(np.linalg.norm(np.abs(reached) - magnitude) / np.linalg.norm(magnitude))
    return x, np.array(errors)


def griffin_lim__begins_with_zero(magnitude, phase, stft, istft, steps):
    """Begins with phases of zero: right if those given are zero."""
    phase, errors = np.zeros_like(magnitude), []
    for _ in range(steps):
        x, reached, off = _step(magnitude, phase, stft, istft)
        phase = np.angle(reached)
        errors.append(off)
    return x, np.array(errors)


def griffin_lim__one_step_more(magnitude, phase, stft, istft, steps):
    """Returns a sound that is one step further than the last error."""
    errors = []
    for _ in range(steps):
        _, reached, off = _step(magnitude, phase, stft, istft)
        phase = np.angle(reached)
        errors.append(off)
    return istft(magnitude * np.exp(1j * phase)), np.array(errors)


def griffin_lim__one_step_less(magnitude, phase, stft, istft, steps):
    """Counts the beginning as a step."""
    x, reached, off = _step(magnitude, phase, stft, istft)
    errors = [off]
    for _ in range(steps - 2):
        x, reached, off = _step(magnitude, np.angle(reached), stft, istft)
        errors.append(off)
    return x, np.array(errors)


def griffin_lim__squared_error(magnitude, phase, stft, istft, steps):
    """Returns the squares of the errors."""
    errors = []
    for _ in range(steps):
        x, reached, off = _step(magnitude, phase, stft, istft)
        phase = np.angle(reached)
        errors.append(off**2)
    return x, np.array(errors)


def griffin_lim__error_of_powers(magnitude, phase, stft, istft, steps):
    """Compares powers instead of magnitudes."""
    errors = []
    for _ in range(steps):
        x, reached, _ = _step(magnitude, phase, stft, istft)
        phase, power = np.angle(reached), magnitude**2
        errors.append(np.linalg.norm(np.abs(reached) ** 2 - power) / np.linalg.norm(power))
    return x, np.array(errors)


def griffin_lim__error_after_mending(magnitude, phase, stft, istft, steps):
    """Measures the error of the mended spectrum, which is always 0."""
    errors = []
    for _ in range(steps):
        x, reached, _ = _step(magnitude, phase, stft, istft)
        phase = np.angle(reached)
        mended = np.abs(magnitude * np.exp(1j * phase))
        errors.append(np.linalg.norm(mended - magnitude) / np.linalg.norm(magnitude))
    return x, np.array(errors)


def griffin_lim__error_with_phases(magnitude, phase, stft, istft, steps):
    """Compares whole spectra, phases too."""
    errors = []
    for _ in range(steps):
        asked = magnitude * np.exp(1j * phase)
        x, reached, _ = _step(magnitude, phase, stft, istft)
        phase = np.angle(reached)
        errors.append(np.linalg.norm(reached - asked) / np.linalg.norm(magnitude))
    return x, np.array(errors)


def griffin_lim__error_not_relative(magnitude, phase, stft, istft, steps):
    """Does not divide the error by the size of the magnitudes."""
    errors = []
    for _ in range(steps):
        x, reached, off = _step(magnitude, phase, stft, istft)
        phase = np.angle(reached)
        errors.append(off * np.linalg.norm(magnitude))
    return x, np.array(errors)


def subtraction_gain__amplitudes(power, noise, over, floor):
    """Subtracts the root of the noise from the root of the power."""
    remains = np.sqrt(power) - over * np.sqrt(noise)[:, None]
    return np.maximum(remains / np.sqrt(power), floor)


def subtraction_gain__no_root(power, noise, over, floor):
    """Returns the gain of the power."""
    return np.maximum(power - over * noise[:, None], floor**2 * power) / power


def subtraction_gain__nan(power, noise, over, floor):
    """Takes the root first, which is nan where more is subtracted than there is."""
    with np.errstate(invalid="ignore"):
        return np.maximum(np.sqrt((power - over * noise[:, None]) / power), floor)


def subtraction_gain__no_floor(power, noise, over, floor):
    """Stops at zero."""
    return np.sqrt(np.maximum(power - over * noise[:, None], 0) / power)


def subtraction_gain__floor_not_squared(power, noise, over, floor):
    """Leaves floor times the power: right for a floor of 0 or 1."""
    return np.sqrt(np.maximum(power - over * noise[:, None], floor * power) / power)


def subtraction_gain__floor_of_noise(power, noise, over, floor):
    """Leaves a share of the noise, not of the power, as Berouti et al. do."""
    noise = noise[:, None]
    return np.sqrt(np.maximum(power - over * noise, floor**2 * noise) / power)


def subtraction_gain__floor_only_below_zero(power, noise, over, floor):
    """Puts the floor where less than nothing is left, and not where less than the floor is."""
    left = 1 - over * noise[:, None] / power
    return np.where(left < 0, floor, np.sqrt(np.maximum(left, 0)))


def subtraction_gain__floor_added(power, noise, over, floor):
    """Adds the floor to what remains."""
    return np.sqrt(np.maximum(power - over * noise[:, None], 0) / power + floor**2)


def subtraction_gain__along_time(power, noise, over, floor):
    """Takes the noise as one number a frame: runs where there are as many frames as frequencies."""
    return np.sqrt(np.maximum(power - over * noise[None], floor**2 * power) / power)


def subtraction_gain__mean_noise(power, noise, over, floor):
    """Subtracts the same from all frequencies: right for white noise."""
    return np.sqrt(np.maximum(power - over * noise.mean(), floor**2 * power) / power)


def subtraction_gain__subtracts_once(power, noise, over, floor):
    """Leaves `over` out."""
    return np.sqrt(np.maximum(power - noise[:, None], floor**2 * power) / power)


def subtraction_gain__multiplies_power(power, noise, over, floor):
    """Multiplies the power by `over`, not the noise."""
    return np.sqrt(np.maximum(over * power - noise[:, None], floor**2 * power) / power)


def subtraction_gain__wiener(power, noise, over, floor):
    """Divides what remains by itself and the noise, as Wiener's filter does."""
    clean = np.maximum(power - over * noise[:, None], floor**2 * power)
    return clean / (clean + noise[:, None])


def subtraction_gain__what_remains(power, noise, over, floor):
    """Returns the root of what remains, not what to multiply by."""
    return np.sqrt(np.maximum(power - over * noise[:, None], floor**2 * power))
