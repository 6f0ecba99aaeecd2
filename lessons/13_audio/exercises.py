"""Exercises of lesson 13: to make sounds, to take them apart, and to put them together again.

A sound is an array of samples (n,), floats with 1 as full scale, `rate` samples a second. All
exercises are plain NumPy; none needs another, or a trained model.
"""

import numpy as np


def resonator(x, frequency, bandwidth, rate):
    """Return a sound after a resonance, as that of a tube of air.

    x (n,), n >= 1, are samples; frequency and bandwidth are in Hz, rate in samples a second, and
    frequency is below half the rate. The result y is (n,), of floats (Klatt 1980, equations 1, 2):

        y[t] = a x[t] + b y[t - 1] + c y[t - 2]

        c = -exp(-2 π bandwidth / rate)
        b = 2 exp(-π bandwidth / rate) cos(2 π frequency / rate)
        a = 1 - b - c

    Before the first sample there is silence: y[-1] and y[-2], in the formula, are 0.

    About 7 lines, 15 minutes. Matters because five of these, one after another, turn a buzz into a
    vowel, and because each output depends on the ones before it: a recurrent network of one cell.
    """
    ### BEGIN SOLUTION
    c = -np.exp(-2 * np.pi * bandwidth / rate)
    b = 2 * np.exp(-np.pi * bandwidth / rate) * np.cos(2 * np.pi * frequency / rate)
    y = np.empty(len(x))
    last = before = 0.0
    for t in range(len(x)):
        last, before = (1 - b - c) * x[t] + b * last + c * before, last
        y[t] = last
    return y
    ### END SOLUTION


def to_int16(x):
    """Return samples as a WAV file of 16 bits holds them: whole numbers, as an int16 array.

    x is an array of floats, of any shape; 1 is full scale. Multiply by 32768 and round to the
    nearest whole number. An int16 reaches from -32768 to 32767: what lies beyond becomes the
    nearest of the two. (Which of two whole numbers is taken for a half does not matter here, and
    there are no nan.)

    About 1 line, 10 minutes. Matters because a sample that is a little too loud must stay loud.
    Without care it comes out as the opposite, which is heard as a loud crack.
    """
    ### BEGIN SOLUTION
    return np.clip(np.rint(x * 32768), -32768, 32767).astype(np.int16)
    ### END SOLUTION


def frames(x, size, hop):
    """Return the frames of a sound: (T, size).

    x (n,), n >= size. Frame 0 is the first `size` samples. Each further frame begins `hop` samples
    later; hop may be smaller than size, so that frames overlap, or larger. Only whole frames count:
    T is as large as it can be without one that reaches beyond the end. The result may be a view.

    About 2 lines, 10 minutes. Matters because every spectrogram begins like this, and one frame too
    few is the end of a word.
    """
    ### BEGIN SOLUTION
    starts = np.arange(0, len(x) - size + 1, hop)  # (T,)
    return x[starts[:, None] + np.arange(size)]
    ### END SOLUTION


def mel_filters(bands, size, rate):
    """Return how much each frequency of a spectrum counts in each mel band: (bands, size // 2 + 1).

    The spectrum is that of a real frame of `size` samples, even or odd, `rate` samples a second, as
    np.fft.rfft returns it: its entry k is for the frequency k rate / size, in Hz. On the mel scale

        mel = 2595 log10(1 + f / 700)

    take bands + 2 places at equal distances, the first at 0 Hz, the last at half the rate, and
    bring them back to Hz. Band m is a triangle over the frequency in Hz: it rises from 0 at place m
    to 1 at place m + 1, falls to 0 at place m + 2, and is 0 elsewhere. Evaluate it at each
    frequency of the spectrum. (The largest weight of a band is therefore seldom exactly 1.)

    About 7 lines, 20 minutes. Matters because the ear hears 200 and 300 Hz as different tones, but
    hardly 4200 and 4300: a network that gets mel bands gets the numbers where we hear.
    """
    ### BEGIN SOLUTION
    top = 2595 * np.log10(1 + rate / 2 / 700)
    places = 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)  # (bands + 2,) Hz
    low, peak, high = places[:-2, None], places[1:-1, None], places[2:, None]  # (bands, 1)
    frequencies = np.arange(size // 2 + 1) * rate / size  # (size // 2 + 1,)
    rise, fall = (frequencies - low) / (peak - low), (high - frequencies) / (high - peak)
    return np.maximum(np.minimum(rise, fall), 0)
    ### END SOLUTION


def overlap_add(frames, window, hop):
    """Return the sound whose windowed frames are nearest to the given ones: (n,).

    frames (T, size), window (size,), hop >= 1; n = (T - 1) hop + size. Frame t lies over samples
    t hop to t hop + size - 1. The sum of squared distances is smallest for (Griffin and Lim 1984,
    equation 6)

        x[i] = Σ_t window[i - t hop] frames[t, i - t hop] / Σ_t window[i - t hop]²

    where both sums go over the frames that lie over sample i. Where the lower sum is 0, x is 0: no
    frame says anything there. Entries of the window that are not 0 are 0.1 at least. The frames
    need not belong to any sound, and the window need not be symmetric.

    About 9 lines, 15 minutes. Matters because whoever changes a spectrum, to remove noise or to
    draw a sound from a code, has frames that contradict each other, and needs one sound.
    """
    ### BEGIN SOLUTION
    T, size = frames.shape
    total, weight = np.zeros((2, (T - 1) * hop + size))
    for t in range(T):
        over = slice(t * hop, t * hop + size)
        total[over] += window * frames[t]
        weight[over] += window**2
    return np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
    ### END SOLUTION


def griffin_lim(magnitude, phase, stft, istft, steps):
    """Return a sound with nearly these magnitudes, and how far it is from them at each step.

    magnitude and phase (B, T), the phase in radians. stft(x) returns the spectrum of a sound,
    complex (B, T); istft(spectrum) returns the sound (n,) nearest to a spectrum. steps >= 1. Begin
    with the spectrum magnitude · exp(i phase). Each step

    - takes the sound x nearest to the spectrum,
    - takes the spectrum of x, whose magnitudes are not quite the given ones: the error of this step
      is |(its magnitudes) - magnitude| / |magnitude|, with the root of the sum of squares as |.|,
    - makes the next spectrum from the given magnitudes and the phases of the spectrum of x. Where
      that is 0, the phase is 0.

    Return the x of the last step, and the errors (steps,). Call stft and istft once a step.

    About 8 lines, 15 minutes. Matters because a network that draws spectrograms draws no phases,
    and without phases there is nothing to hear.
    """
    ### BEGIN SOLUTION
    errors = []
    for _ in range(steps):
        x = istft(magnitude * np.exp(1j * phase))
        reached = stft(x)
        phase = np.angle(reached)
        errors.append(np.linalg.norm(np.abs(reached) - magnitude) / np.linalg.norm(magnitude))
    return x, np.array(errors)
    ### END SOLUTION


def subtraction_gain(power, noise, over, floor):
    """Return what spectral subtraction multiplies each entry of a noisy spectrum by: (B, T).

    power (B, T) > 0 is the power of a noisy sound, that is |spectrum|², for each of B frequencies
    and T frames; noise (B,) is the mean power of the noise alone. Subtract `over` times the noise
    from the power. At least floor² times the power has to remain. The gain is the root of what
    remains, divided by the power (after Boll 1979, and Berouti, Schwartz and Makhoul 1979,
    whose floor is a share of the noise instead):

        gain² = max(power - over · noise, floor² · power) / power

    over >= 0, 0 <= floor <= 1. No gain is nan.

    About 2 lines, 10 minutes. Matters because this is what a network that removes noise has to
    beat, and because the floor is all that keeps what remains from tinkling like a music box.
    """
    ### BEGIN SOLUTION
    remains = np.maximum(power - over * noise[:, None], floor**2 * power)
    return np.sqrt(remains / power)
    ### END SOLUTION
