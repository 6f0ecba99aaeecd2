# %% [markdown]
"""# 12. Text

An image comes as numbers. A text does not: a computer sees "matrix" and "array" as two rows of
letters that have nothing in common. So the first question is how a word, a document or a sentence
becomes numbers at all, and the second, how few will do. An autoencoder answers both: what it has
to know in order to write a text again is what the text says.

What you will see:

- words: whoever stands beside the same words means about the same. A linear autoencoder of these
  counts turns each word into 50 numbers, and is an SVD;
- documents: 10 numbers find documents of one subject much better than the classical method, LSA,
  with as many; with 32 numbers there is little between them, and it says so;
- sentences: a GRU, a network that reads one letter after the other, step by step by hand;
- names that it has never seen, written again letter by letter from 64 numbers, and turned from
  small letters into capital ones by adding a vector;
- a variational autoencoder of sentences that ignores its code, and what makes it use it.

It is the stepping stone to what came after. Word2vec and GloVe factorise the same counts; a
language model is the second half of this lesson's autoencoder, without the code.
"""

# %%
import json
import re
import sys
import time
import unicodedata
from collections import Counter
from importlib import resources
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

import minae
from minae import models, nn, ops, plots, train
from minae.autograd import no_grad
from minae.data import Ragged, load
from minae.data.kinds.text import SPECIAL, TextKind, fit_text
from minae.errors import InputError
from minae.files import write_json
from minae.optim import Adam, CosineAnnealingLR
from minae.report import print_table
from minae.tensor import Tensor

FULL = "--full" in sys.argv
STARTED = time.perf_counter()
OUT = Path("runs") / "12_text"


def keep(figure, name):
    """Write a picture and say where it is."""
    plots.save(figure, OUT / name)
    print(f"written: {OUT / name}")


def fit(model, x, epochs, batch_size, lr, validation=None, **how):
    """Train by Adam, with a rate that falls to zero along a cosine; return a record per epoch."""
    adam = Adam(model.parameters(), lr=lr)
    how |= {"optimizer": adam, "schedule": CosineAnnealingLR(adam, epochs), "show_progress": False}
    return train.fit(model, x, validation, epochs=epochs, batch_size=batch_size, **how)


@no_grad()
def codes(model, texts):
    """Return the codes (N, Z) of texts, as an array."""
    parts = np.array_split(np.arange(len(texts)), -(-len(texts) // 100))
    return np.concatenate([model.codes(Tensor(texts[rows].padded())).numpy() for rows in parts])


# %% [markdown]
# ## From text to numbers
#
# Cut a text into **tokens**, here words and punctuation in lower case. The **vocabulary** is the
# list of the most frequent ones, and a word's number is its place in it. A word that is not in the
# vocabulary becomes `<unk>`, unknown.


# %%
def tokens(text):
    """Return the words and signs of a text."""
    return re.findall(r"\w+|[^\w\s]", text.lower())


def vocabulary_of(texts, size):
    """Return the most frequent tokens of texts."""
    counts = Counter(token for text in texts for token in tokens(text))
    return [token for token, _ in counts.most_common(size)]


def numbers(text, vocabulary):
    """Return the number of each token, and -1 for unknown ones."""
    return np.array([vocabulary.index(t) if t in vocabulary else -1 for t in tokens(text)])


rhyme = ["Sum the rows of the matrix.", "Sum the columns of the array.", "Sort the rows."]
small = vocabulary_of(rhyme, 6)
print("vocabulary:", " ".join(small))
print(rhyme[1], numbers(rhyme[1], small).tolist())

# %% [markdown]
# The texts of this lesson are on your disk already: what the functions of NumPy, SciPy,
# scikit-learn and scikit-image say of themselves, without code and formulas. Other versions of
# these libraries have other texts, and give slightly other figures than those that you will read
# about here. `minae.data.load` does what you have just seen. Its first four numbers are special:
# padding, unknown, start and end (padding comes later).

# %%
data = load("docstrings", vocabulary=2000 + len(SPECIAL))
vocabulary = data.kind.vocabulary
V = len(vocabulary)
number = {word: i for i, word in enumerate(vocabulary)}
print("\n".join(data.notes))
print(data.train.inputs[:1].padded()[0, :12].tolist(), data.kind.decode(data.train.inputs[:1])[0][:60])

# %% [markdown]
# ## Words: the company they keep
#
# What does "median" mean to somebody who reads only this? It stands where "mean" stands: after
# "the", before "of". So count, for each pair of words, how often one is at most two places from the
# other. The row of a word, V counts, is its first vector. (Exercise 12.1 counts without joining
# the texts.)


# %%
def pairs_of(texts, window):
    """Return how often each word stands at most `window` places from each other: (V, V)."""
    gap = np.zeros(window, int)  # keeps texts apart; special tokens are not counted
    line = np.concatenate([part for row in texts for part in (row, gap)])
    counts = np.zeros(V * V)
    for distance in range(1, window + 1):
        first, second = line[:-distance], line[distance:]
        words = (first >= len(SPECIAL)) & (second >= len(SPECIAL))
        counts += np.bincount(first[words] * V + second[words], minlength=V * V)
    return counts.reshape(V, V) + counts.reshape(V, V).T


def beside(vectors, word, k=6):
    """Return the k words whose vectors have the largest cosine with that of a word."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    order = (unit @ unit[number[word]]).argsort()[::-1]
    return " ".join(vocabulary[i] for i in order[1 : k + 1])


counts = pairs_of(data.train.inputs, window=2)
print("beside median, in counts:", beside(counts, "median"))

# %% [markdown]
# Not good. Counts say mostly how frequent words are: "the" stands beside everything. So divide by
# what chance would give. If a word makes up the share r / N of all pairs and another c / N, then
# they would meet r c / N times by chance. The logarithm of how much more often they do is the
# **pointwise mutual information**, and what is negative becomes 0, as rare pairs say little:
#
# $$\mathrm{PPMI} = \max\left(0, \log \frac{n N}{r c}\right)$$


# %%
def ppmi_of(counts):
    """Return the PPMI of counts (V, V). (Exercise 12.2 does without a smallest chance.)"""
    chance = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
    return np.log(np.maximum(counts / np.maximum(chance, 1e-9), 1))


ppmi = ppmi_of(counts)
print("in PPMI:", beside(ppmi, "median"))

# %% [markdown]
# ## 50 numbers: a linear autoencoder is an SVD
#
# Most of these 2,000 numbers say the same thing over and over. Squeeze them: an autoencoder of rows
# x, with a matrix E into 50 numbers and a matrix D back, and nothing else. Lesson 4 found that a
# linear autoencoder ends in PCA's plane. Without biases and without the mean taken off, that is the
# plane of the largest singular vectors: no matrix of rank 50 comes nearer to PPMI than the SVD's
# (Eckart & Young 1936), so no E and D do.
#
# $$\min_{E, D} \|M - M E D\|^2 = \sum_{k > 50} \sigma_k^2$$
#
# Train one, and compare what is left of the squares.


# %%
class LinearAutoencoder(nn.Module):
    """V numbers to 50 and back, without biases."""

    def __init__(self):
        self.encoder, self.decoder = nn.Linear(V, 50, bias=False), nn.Linear(50, V, bias=False)

    def loss(self, x):
        """Return the squared error, summed over a row, averaged over rows."""
        return ops.mse_loss(self.decoder(self.encoder(x)), x, reduction="sum") / len(x)


def singular(matrix):
    """Return the right singular vectors, in columns, and the singular values, largest first."""
    squares, vectors = np.linalg.eigh(matrix.T @ matrix)
    return vectors[:, ::-1], np.sqrt(np.maximum(squares[::-1], 0))


directions, sigma = singular(ppmi)
minae.manual_seed(0)
linear = LinearAutoencoder()
rows = ppmi.astype(np.float32)
fit(linear, rows, epochs=20, batch_size=50, lr=3e-3)
left = {
    "nothing, all zeros": 1.0,
    "linear autoencoder, trained": train.evaluate(linear, rows)["loss"] * V / (ppmi**2).sum(),
    "SVD": (sigma[50:] ** 2).sum() / (sigma**2).sum(),
}
print_table(("50 numbers", "share of squares left"), [(k, float(v)) for k, v in left.items()])
assert left["SVD"] <= left["linear autoencoder, trained"] < left["SVD"] + 0.02
vectors = ppmi @ directions[:, :50]  # (V, 50)
print("in 50 numbers:", beside(vectors, "median"))

# %% [markdown]
# It gets there by many small steps, where the SVD takes one. So word vectors of this kind need no
# training. Levy & Goldberg ("Neural word embedding as implicit matrix factorization", 2014) showed
# that word2vec, a network trained on pairs of words, has its optimum where the product of its two
# matrices is the PMI less a constant: it factorises nearly this matrix, by gradient descent.
#
# How good are 50 numbers? Here are sets of words that belong together, made by hand before
# anything was measured. The **purity** is the share of these words whose nearest other word in the
# sets is of the same set. Every other set chooses the window; the rest says how good it is.

# %%
SETS = """
one two three / array matrix vector tensor scalar / list tuple dictionary dict set /
gaussian poisson gamma beta binomial exponential / left right top / int float bool str string integer
boolean / mean median mode variance average / cosine exp log / classifier regressor estimator /
first second third last / lasso ridge logistic / erosion dilation / euclidean minkowski chebyshev /
gradient hessian jacobian derivative / lowpass / linear quadratic cubic polynomial / train training
test testing validation / file directory path filename / horizontal diagonal / tree trees forest
leaf / row rows column columns / minimum maximum min max / image images pixel pixels / positive
negative zero nonzero / returns return compute calculate estimate / clusters cluster clustering /
convolution correlation filter filtering / eigenvalues eigenvectors singular decomposition / width
depth length / small large larger smaller / above below under over / when while if unless / must
should may can / edges nodes / frequency frequencies spectrum fourier / error errors warning
exception / sparse dense csr csc / sum product difference / interpolation spline splines knots /
real imaginary complex / upper lower triangular / optimization minimize minimization minimizer /
confidence hypothesis statistic pvalue / precision recall accuracy score
"""
known = [[word for word in one.split() if word in number] for one in SETS.split("/")]
known = [one for one in known if len(one) > 1]
choosing, reporting = known[::2], known[1::2]


def cosines(vectors, sets):
    """Return the cosines (W, W) of the W words of some sets, in their order."""
    rows = vectors[[number[word] for one in sets for word in one]]
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return unit @ unit.T


def purity(vectors, sets):
    """Return the share of words whose nearest other word is of their set."""
    of = np.repeat(np.arange(len(sets)), [len(one) for one in sets])
    near = cosines(vectors, sets)
    np.fill_diagonal(near, -2)
    return float((of[near.argmax(axis=1)] == of).mean())


def squeezed(matrix, k=50):
    """Return the rows of a matrix as k numbers each, by SVD."""
    return matrix @ singular(matrix)[0][:, :k]


def vectors_at(window):
    """Return the vectors of words, made in five ways."""
    counts = pairs_of(data.train.inputs, window)
    ppmi, logs = ppmi_of(counts), np.log1p(counts)
    return {
        "counts": counts,
        "log(1 + count)": logs,
        "log(1 + count), 50 numbers": squeezed(logs),
        "PPMI": ppmi,
        "PPMI, 50 numbers": squeezed(ppmi),
    }


at = {window: vectors_at(window) for window in (1, 2, 5)}
table, purities = [], {}
for name in at[2]:
    window = max(at, key=lambda w: purity(at[w][name], choosing))
    purities[name] = purity(at[window][name], reporting)
    table.append((name, at[window][name].shape[1], window, purities[name]))
words = sum(map(len, reporting))
print_table(("vectors", "numbers", "window", "purity"), table, f"{words} words of {len(reporting)} sets")
assert purities["PPMI, 50 numbers"] > purities["counts"] + 0.15
assert purities["PPMI, 50 numbers"] > purities["PPMI"] - 0.12
assert purities["PPMI, 50 numbers"] > purities["log(1 + count), 50 numbers"] + 0.02

# %%
shown = [known[i] for i in (1, 3, 5, 6, 19, 22)]
figure = Figure(figsize=(11, 5.6), layout="constrained")
names = [word for one in shown for word in one]
for axes, name in zip(figure.subplots(1, 2), ("counts", "PPMI, 50 numbers"), strict=True):
    axes.imshow(cosines(at[2][name], shown), vmin=0, vmax=1, cmap="Greys")
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_title(f"{name}: cosines of words, set by set", loc="left", fontsize=11)
keep(figure, "words.png")

# %% [markdown]
# In counts, everything is near to everything. In 50 numbers, the sets are blocks. Read the table
# slowly, though. All of PPMI, 2,000 numbers, is no worse than 50 of them: squeezing does not make
# vectors better, it makes them small. And a plain logarithm of counts does a good deal of the work.
# It is when they are squeezed that PPMI shows its worth: 50 numbers spent on how frequent words are
# are missing elsewhere.
#
# ## Documents: what they are about
#
# A document is longer, and what it is about hardly depends on the order of its words. So count the
# words: a **bag of words**. The autoencoder gives each word of the vocabulary a probability p, and
# each word of the document counts as a draw from p (a multinomial distribution):
#
# $$L = -\sum_w n_w \log p_w, \qquad \frac{\partial L}{\partial a_w} = \Big(\sum_v n_v\Big) p_w - n_w
# \qquad \text{for } p = \mathrm{softmax}(a)$$
#
# (Exercise 12.6 derives it.) As in lesson 9, the task decides what the code is good for. Half of
# the words, drawn anew each time, are hidden from the encoder, and the decoder must give all of
# them. So it has to know which words go together.
#
# The measure is the **precision at 10**: of the ten training documents nearest to an unseen one,
# how many are from the same part of the same library? There are 24 such parts. The classical
# method is **LSA** (Deerwester et al. 1990): counts weighed by tf-idf, and then an SVD, which is to
# say once more a linear autoencoder. For each method, cosine or distance is chosen on the
# validation documents, and so were the sizes and the rate of the network.

# %%
bags = {}  # part: how often each word occurs in each document, (N, V)
for part in ("train", "validation", "test"):
    texts = getattr(data, part).inputs
    cells = np.repeat(np.arange(len(texts)), texts.lengths) * V + texts.values
    bags[part] = np.bincount(cells, minlength=len(texts) * V).reshape(-1, V)
    bags[part][:, : len(SPECIAL)] = 0


def precision(train_codes, queries, part, measure, k=10):
    """Return the precision at k of the documents of a part, by their codes."""
    if measure == "cosine":
        train_codes, queries = (
            x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)
            for x in (train_codes, queries)
        )
    far = (train_codes**2).sum(axis=1) - 2 * queries @ train_codes.T  # the square, but for a constant
    nearest = far.argsort(axis=1)[:, :k]
    return float((data.train.labels[nearest] == getattr(data, part).labels[:, None]).mean())


def judged(of):
    """Return the precision on test documents, for codes by part, by the better measure."""
    measures = "cosine", "distance"
    scores = {m: precision(of["train"], of["validation"], "validation", m) for m in measures}
    best = max(scores, key=scores.get)
    return precision(of["train"], of["test"], "test", best), best


tfidf = TfidfTransformer(sublinear_tf=True).fit(bags["train"])
weighed = {part: tfidf.transform(bag).toarray() for part, bag in bags.items()}


def lsa(k):
    """Return the LSA of all parts, with k numbers."""
    svd = TruncatedSVD(k, random_state=0).fit(weighed["train"])
    return {part: svd.transform(x) for part, x in weighed.items()}


def document_model(k):
    """Return the autoencoder with a code of k numbers, trained."""
    minae.manual_seed(0)
    model = models.DocumentAutoencoder([V, 256, 64, k])
    model.start_at_mean(data.train.inputs)
    hide = data.kind.corruption("words:0.5")
    fit(model, data.train.inputs, epochs=20, batch_size=64, lr=3e-3, corrupt=hide)
    return model


documents = {k: document_model(k) for k in (2, 10, 32)}


def coded(k):
    """Return the autoencoder's codes of all parts, less their mean."""
    of = {part: codes(documents[k], getattr(data, part).inputs) for part in bags}
    return {part: x - of["train"].mean(axis=0) for part, x in of.items()}


found = {("tf-idf", V - len(SPECIAL)): judged(weighed)}
for k in documents:
    found["LSA", k], found["autoencoder", k] = judged(lsa(k)), judged(coded(k))
table = [(name, k, value, measure) for (name, k), (value, measure) in sorted(found.items())]
usual = np.bincount(data.train.labels).argmax()
always = float((data.test.labels == usual).mean())
print_table(("documents as", "numbers", "precision at 10", "nearest by"), table)
print(f"always the most frequent part, {data.kind.classes[usual]}: {always:.3f}")
score = {key: value for key, (value, _) in found.items()}
assert score["autoencoder", 2] > score["LSA", 2] + 0.12
assert score["autoencoder", 10] > score["LSA", 10] + 0.04
assert abs(score["autoencoder", 32] - score["LSA", 32]) < 0.08

# %%
parts = ["numpy.polynomial", "scipy.signal", "scipy.sparse", "scipy.special", "scipy.stats"]
parts += ["skimage.filters", "sklearn.ensemble", "sklearn.metrics"]
names = np.array(data.kind.classes)[data.train.labels]
drawn = np.isin(names, parts)
for name, of in {"LSA": lsa(2), "autoencoder": coded(2)}.items():
    title = f"Documents at 2 numbers: {name}"
    keep(plots.latent_plane(of["train"][drawn], names[drawn], title), f"map_{name.lower()}.png")
numbers_of = sorted(documents)
curves = {name: (numbers_of, [score[name, k] for k in numbers_of]) for name in ("LSA", "autoencoder")}
curves["tf-idf, all words"] = numbers_of, [score["tf-idf", V - len(SPECIAL)]] * len(numbers_of)
title = "Neighbours from the same part of the same library"
keep(plots.lines(curves, "numbers", "precision at 10", title, log_x=True), "documents.png")

# %% [markdown]
# With 2 numbers LSA has to lay a flat plane through all documents, and bends make all the
# difference, as they did for digits in lesson 5. With 10 the autoencoder is still far ahead. With
# 32 it is hardly so, if at all: LSA takes a second, has nothing to tune, and nearly reaches the
# precision of all 2,000 words. So if you have room for more numbers, use LSA. A code of ten numbers
# is for when you have not, and a code of two for when you want to look.
#
# ## Sentences: order matters
#
# "dog bites man" and "man bites dog" are one bag of words. To write a text again, one must know its
# order, and texts have different lengths. A batch is a rectangle, so shorter texts are **padded**
# with zeros behind their end, and a **mask** says where the text is. What stands behind the end
# must not count: neither in the loss nor in what the network has read.

# %%
letters = ["<pad>", "<unk>", "<s>", "</s>", *"abcdefghijklmnopqrstuvwxyz"]
ids = Ragged.of([[letters.index(c) for c in word] + [3] for word in ("to", "be", "or", "not")])
mask = np.arange(ids.lengths.max()) < ids.lengths[:, None]
print(ids.padded())
print(mask.astype(int))
nats = np.random.default_rng(0).random(mask.shape)  # a loss at each place
print(f"mean of all {mask.size} places {nats.mean():.3f}, of the {mask.sum()} that count ", end="")
print(f"{nats[mask].mean():.3f}")

# %% [markdown]
# (In exercise 12.3 you write it for a decoder, which is given what it should have written just
# before.) Padding costs time as well. Texts of similar length in one batch need less of it, so
# minae sorts before it cuts batches, and then shuffles these.

# %%
lengths = data.train.inputs.lengths
order = np.random.default_rng(0).permutation(len(lengths))
for name, rows in {"at random": order, "of similar length": lengths.argsort()}.items():
    batches = np.array_split(lengths[rows], len(rows) // 64)
    places = sum(len(b) * b.max() for b in batches)
    print(f"batches of 64 documents {name}: {1 - lengths.sum() / places:.0%} padding")

# %% [markdown]
# ## A GRU, one step
#
# A **recurrent** network reads one token after the other, and carries a state h along: all that it
# remembers. A gated one (GRU; Cho et al. 2014) decides at every step, for every number of its
# state, how much to keep. With $i = W x + b$ and $s = U h + c$, each in three parts:
#
# $$r = \sigma(i_1 + s_1), \quad z = \sigma(i_2 + s_2), \quad n = \tanh(i_3 + r \, s_3), \quad
# h' = (1 - z) \, n + z \, h$$
#
# n is the candidate for the new state, the **update gate** z says how much of the old one stays,
# and the **reset gate** r how much of it the candidate may see. In PyTorch, whose weights we want
# to be able to read, r multiplies s₃, not h.


# %%
def step(x, h, weights):
    """Return the next state (N, H) for input x (N, I) and state h (N, H)."""
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    i = ops.linear(x, weight_ih, bias_ih).chunk(3, dim=1)
    s = ops.linear(h, weight_hh, bias_hh).chunk(3, dim=1)
    r, z = (i[0] + s[0]).sigmoid(), (i[1] + s[1]).sigmoid()
    n = (i[2] + r * s[2]).tanh()
    return (1 - z) * n + z * h


minae.manual_seed(0)
gru = nn.GRU(5, 4)
sequence = minae.rand(7, 3, 5)  # 7 steps, 3 texts, 5 numbers each
h = Tensor(np.zeros((3, 4), np.float32))
for x in sequence:
    h = step(x, h, list(gru.parameters()))
whole, last = gru(sequence)
print(f"7 steps by hand and by nn.GRU differ by {np.abs((h - last[0]).numpy()).max():.1e}")
assert np.abs((h - last[0]).numpy()).max() < 1e-5

# %% [markdown]
# And back. Let g be the gradient with respect to h'. Go through the formulas from the right: h' has
# the factors n and z, n is a tanh, whose derivative is 1 - n², and r and z are σ, whose derivative
# is σ (1 - σ). So the sums get
#
# $$di_3 = g (1 - z)(1 - n^2), \qquad di_1 = di_3 \, s_3 \, r (1 - r), \qquad
# di_2 = g (h - n) \, z (1 - z)$$
#
# Check it with autograd, for one text.

# %%
rng = np.random.default_rng(0)
i, s = (Tensor(rng.normal(size=(3, 4)), requires_grad=True) for _ in range(2))
state, g = rng.normal(size=4), rng.normal(size=4)
r, z = (i[0] + s[0]).sigmoid(), (i[1] + s[1]).sigmoid()
n = (i[2] + r * s[2]).tanh()
(((1 - z) * n + z * Tensor(state)) * Tensor(g)).sum().backward()
r, z, n, s3 = r.detach().numpy(), z.detach().numpy(), n.detach().numpy(), s[2].detach().numpy()
di3 = g * (1 - z) * (1 - n**2)
by_hand = np.stack([di3 * s3 * r * (1 - r), g * (state - n) * z * (1 - z), di3])
print(f"by hand and by autograd differ by {np.abs(by_hand - i.grad.numpy()).max():.1e}")
assert np.allclose(by_hand, i.grad.numpy())

# %% [markdown]
# What reaches h goes two ways, through s and straight along z h: where z is near 1, a gradient
# passes unchanged to the step before. (Exercises 12.4 and 12.5 do all of it in NumPy.)
#
# ## A sequence autoencoder
#
# The encoder reads the text forwards and backwards, and turns the two last states into a code. The
# decoder begins with a state made from the code. At each step it is given the code and the token
# before, and gives a probability to each token that may follow:
#
# $$L = -\sum_t \log p(x_t \mid \text{code}, x_1 \ldots x_{t-1})$$
#
# In training, the token before is the true one, even where the decoder would have written another
# (**teacher forcing**). So all steps can be computed at once. In writing, it is the one that the
# decoder has just written.

# %%
PAD, _, START, END = range(4)


class Reader(nn.Module):
    """Texts (N, L) to the last states of both directions, (N, 2 H)."""

    def __init__(self, vocabulary, embedding, hidden):
        self.embedding = nn.Embedding(vocabulary, embedding, padding_idx=PAD)
        self.gru = nn.GRU(embedding, hidden, bidirectional=True)

    def forward(self, ids):
        """Return the states. `lengths` keeps the padding out of them."""
        lengths = (ids.data != PAD).sum(axis=1)
        _, last = self.gru(self.embedding(ids.T), None, lengths)  # (2, N, H)
        return ops.cat([last[0], last[1]], 1)


class Writer(nn.Module):
    """Codes (N, Z) to the logits of each next token."""

    def __init__(self, vocabulary, embedding, hidden, latent):
        self.embedding = nn.Embedding(vocabulary, embedding, padding_idx=PAD)
        self.first = nn.Linear(latent, hidden)
        self.gru = nn.GRU(embedding + latent, hidden)
        self.output = nn.Linear(hidden, vocabulary)

    def forward(self, code, before, state=None):
        """Return logits (L, N, V) after the tokens `before` (L, N), and the last state."""
        state = self.first(code).tanh().unsqueeze(0) if state is None else state
        given = ops.cat([self.embedding(before), code.expand(len(before), *code.shape)], 2)
        states, state = self.gru(given, state)
        return self.output(states), state


class SequenceAutoencoder(nn.Module):
    """A reader, a linear layer to the code, and a writer."""

    def __init__(self, vocabulary, embedding, hidden, latent):
        reader = Reader(vocabulary, embedding, hidden)
        self.encoder = nn.Sequential(reader, nn.Linear(2 * hidden, latent))
        self.decoder = Writer(vocabulary, embedding, hidden, latent)

    def loss(self, ids):
        """Return -log p of texts (N, L), summed over the tokens of a text, a mean over texts."""
        after = ids.data.T  # (L, N)
        before = np.concatenate([np.full_like(after[:1], START), after[:-1]])
        logits, _ = self.decoder(self.encoder(ids), Tensor(before))
        return ops.cross_entropy(
            logits.flatten(0, 1), Tensor(after.ravel()), ignore_index=PAD, reduction="sum"
        ) / len(ids)

    @no_grad()
    def write(self, code, longest):
        """Return what codes (N, Z) say, ids (N, L): the most probable token at each step."""
        token, state, written = Tensor(np.full((1, len(code)), START)), None, []
        for _ in range(longest):
            logits, state = self.decoder(code, token, state)
            token = Tensor(logits.numpy().argmax(axis=2))  # (1, N)
            written.append(token.numpy()[0])
        return np.stack(written, axis=1)


# %% [markdown]
# It is the same as minae's, which stops writing where all texts have ended, and is used from here
# on.

# %%
sizes = {"embedding": 8, "hidden": 16, "latent": 4}
ours, minaes = SequenceAutoencoder(30, **sizes), models.SequenceAutoencoder(30, **sizes)
ours.load_state_dict(minaes.state_dict())
batch = Tensor(ids.padded())
losses = ours.loss(batch).item(), minaes.loss(batch).item()
print(f"before training: {losses[0]:.5f} nats a word, minae's own {losses[1]:.5f}")
assert abs(losses[0] / losses[1] - 1) < 1e-5
