# %% [markdown]
"""# 14. The bridge to GPT

A language model such as GPT is often introduced as something new. It is made of what you know. Its
first layer is that of an encoder. Its task is that of a denoising autoencoder, with another part of
the text hidden. This lesson takes one network, and turns it from an autoencoder into a language
model by changing what it is not shown. Then it trains a small GPT on your machine.

What you will see:

- looking a word up in a table of vectors *is* the first layer of an encoder, bit for bit;
- a network that is asked for what it can see learns to copy, its loss goes to 0, and it knows
  nothing. A bottleneck, a mask and the future are three ways to hide the answer;
- attention by hand, forwards and backwards, and a proof that no token sees the future;
- a GPT of 0.4 million weights beside counting: where it is better, and where it is not yet;
- how temperature turns a text from dull to mad, and how a cache spares nearly all of the work;
- what pretraining is worth with 24 labels, and with 2,417;
- what a GPT keeps of an autoencoder, and what it gives up: it has no code.
"""

# %%
import functools
import json
import sys
import time
import timeit
import warnings
from functools import partial
from importlib import resources
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

import minae
from minae import models, nn, ops, plots, train
from minae.autograd import no_grad
from minae.data import Ragged, fetch, load
from minae.data.text import bpe
from minae.data.text.tokens import END, PAD, START
from minae.errors import InputError
from minae.files import write_json
from minae.optim import AdamW, decay_groups
from minae.report import print_table
from minae.tensor import Tensor

FULL = "--full" in sys.argv
STARTED = time.perf_counter()
OUT = Path("runs") / "14_bridge"


def keep(figure, name):
    """Write a picture and say where it is."""
    plots.save(figure, OUT / name)
    print(f"written: {OUT / name}")


# %% [markdown]
# ## Tokens
#
# The text of this lesson is that of lesson 12: what the functions of NumPy, SciPy, scikit-learn and
# scikit-image say of themselves, one docstring after the other. Other versions of these libraries
# have other texts, and give slightly other figures than those that you will read about here.
#
# A text becomes numbers token by token. Characters need a small vocabulary and make long texts;
# words need a large one, and there are always more. GPT's tokens are in between: **byte-pair
# encoding** begins with characters, and makes one token of the pair of neighbours that is most
# frequent, again and again (Sennrich et al. 2016). What is frequent becomes one token, and what has
# never been seen is still made of letters. (Exercise 14.3 is one such merge.)

# %%
data = load("docstrings", tokens="words", vocabulary=2000)
print("\n".join(data.notes))
texts = {part: "\n".join(getattr(data, part).texts) for part in ("train", "validation", "test")}
sentence = "Return the eigenvalues of a Hermitian matrix."
pieces = bpe.count_pieces([texts["train"]])
found, merges = bpe.learn(pieces, 4000, least=2)
for size in (101, 300, 1000, 4000):  # each merge adds one token: fewer tokens, the first merges
    first = merges[: max(size - (len(found) - len(merges)), 0)]
    print(f"{size:5,} tokens at most:", "|".join(bpe.splitter(first)(sentence)))

# %% [markdown]
# Most of this lesson uses characters, as they need the least explaining. A character that the
# training text does not have is left out.

# %%
characters = sorted(set(texts["train"]))
number = {c: i for i, c in enumerate(characters)}
ids = {part: np.array([number[c] for c in text if c in number]) for part, text in texts.items()}
V = len(characters)
print(f"{V} different characters;", *(f"{part}: {len(a):,}" for part, a in ids.items()))


def said(numbers):
    """Return the text of numbers of characters."""
    return "".join(characters[i] for i in numbers)


# %% [markdown]
# ## An embedding is the first layer of an encoder
#
# The simplest input for a token is **one-hot**: V numbers, all of them 0 but one. The first layer
# of an encoder multiplies it by a matrix W, and all that this does is pick a row. So nobody
# multiplies. They look the row up, and call the table of rows an **embedding**:
#
# $$y = \mathrm{onehot}(i) \, W = W_i, \qquad
# dW = \mathrm{onehot}^T dy: \quad dW_j = \sum_{t:\, i_t = j} dy_t$$
#
# In the same way its gradient: the row of a token gets the sum of what comes back from the places
# where it stands. (The numbers that come back have few digits here, so that no sum needs rounding.
# Else the last bit may depend on the order in which they are added.)

# %%
rng = np.random.default_rng(0)
some = ids["train"][:500]
W = rng.normal(size=(V, 64)).astype(np.float32)
dy = np.round(256 * rng.normal(size=(500, 64))).astype(np.float32) / 256
by_product, by_table = (Tensor(W.copy(), requires_grad=True) for _ in range(2))
one_hot = Tensor(np.eye(V, dtype=np.float32)[some])  # (500, V)
outputs = one_hot @ by_product, ops.embedding(Tensor(some), by_table)
for output in outputs:
    (output * Tensor(dy)).sum().backward()
assert np.array_equal(outputs[0].detach().numpy(), outputs[1].detach().numpy())
assert np.array_equal(by_product.grad.numpy(), by_table.grad.numpy())
print("one-hot times W and rows of W: the same bits, and so are both gradients")

# %% [markdown]
# Look back at lesson 12 with this in mind. Its autoencoder of documents took a bag of words, counts
# for each word of the vocabulary. Its first layer adds up a row for each word, and each row is a
# vector for a word. Nobody called it an embedding. Train the autoencoder, and ask for the nearest
# rows:

# %%
vocabulary = data.kind.vocabulary
place = {word: i for i, word in enumerate(vocabulary)}


def beside(rows, word, k=6):
    """Return the k words whose rows have the largest cosine with that of a word."""
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    order = (unit @ unit[place[word]]).argsort()[::-1]
    return " ".join(vocabulary[i] for i in order[1 : k + 1])


def rates(steps, highest, lowest=0.0, warmup=100):
    """Yield a learning rate for each step: up along a line, then down along a cosine."""
    for step in range(1, steps + 1):
        share = max(step - warmup, 0) / max(steps - warmup, 1)
        cosine = lowest + (highest - lowest) * 0.5 * (1 + np.cos(np.pi * share))
        yield min(highest * step / warmup, cosine)


def learn(model, batch, steps, highest, lowest=0.0):
    """Take steps by AdamW on batches drawn by batch(rng); yield the number of each and its loss."""
    optimizer = AdamW(decay_groups(model, 0.1), betas=(0.9, 0.99))
    rng = np.random.default_rng(0)
    model.train()
    for step, optimizer.lr in enumerate(rates(steps, highest, lowest), 1):
        yield step, train.train_step(model, optimizer, batch(rng), max_grad_norm=1.0)
    model.eval()


def done(steps):
    """Take all steps of `learn`."""
    for _ in steps:
        pass


minae.manual_seed(0)
documents = models.DocumentAutoencoder([len(vocabulary), 256, 64, 32])
documents.start_at_mean(data.train.inputs)
hide = data.kind.corruption("words:0.5")


def bag_batch(rng):
    """Return texts (64, L), of which half of the words are hidden, and the same texts whole."""
    rows = data.train.inputs[rng.integers(0, len(data.train), 64)].padded()
    return hide(rows, rng), rows


done(learn(documents, bag_batch, 700, 3e-3))
first = documents.encoder[0].weight.data.T  # (V, 256)
for word in ("cluster", "image", "probability"):
    print(f"beside {word}:", beside(first, word))

# %% [markdown]
# ## Attention
#
# A bag has no order, and lesson 12's GRU reads one token after the other. **Attention** lets every
# token look at all others at once (Vaswani et al. 2017). Each token t has a *query* q, what it
# looks for, a *key* k, what it can be found by, and a *value* v, what it has to give. All three are
# linear functions of the token's vector. It gets the mean of all values, weighted by how well their
# keys match its query:
#
# $$P = \mathrm{softmax}\left(\frac{q k^T}{\sqrt{E}}\right), \qquad y = P v$$
#
# In **causal** attention token t looks at tokens 0 to t only. The others get a score of -∞, and so
# a weight of 0.


# %%
def attention(q, k, v, causal):
    """Return what queries (..., T, E) get from values (..., T, D) with keys (..., T, E)."""
    T, E = q.shape[-2:]
    scores = q @ k.transpose(-1, -2) / np.sqrt(E).astype(q.dtype)  # (..., T, T)
    if causal:
        scores = scores.masked_fill(Tensor(~np.tri(T, dtype=bool)), -np.inf)
    return ops.softmax(scores, -1) @ v


q, k, v, dy = (rng.normal(size=(5, 3)) for _ in range(4))
for causal in (False, True):
    error = minae.gradcheck(lambda *qkv, causal=causal: attention(*qkv, causal), q, k, v)
    print(f"causal {causal}: the largest error of its gradients is {error:.1e}")
    library = ops.scaled_dot_product_attention(*map(Tensor, (q, k, v)), is_causal=causal)
    assert np.allclose(attention(*map(Tensor, (q, k, v)), causal).numpy(), library.numpy())

# %% [markdown]
# Autograd found these gradients. By hand, go through the formula from the right. With dP = dy vᵀ,
#
# $$dv = P^T dy, \qquad dS = P \odot \left(dP - \sum_j P_j \, dP_j\right), \qquad
# dq = \frac{dS \, k}{\sqrt{E}}, \quad dk = \frac{dS^T q}{\sqrt{E}}$$
#
# where S is what goes into the softmax. (The sum is over a row: weights sum to 1, so one can only
# grow at the others' expense.) The mask needs no thought: where P is 0, dS is too. Exercise 14.1 is
# to write all of it in NumPy. Here is its first formula, checked:

# %%
tensors = [Tensor(a, requires_grad=True) for a in (q, k, v)]
(attention(*tensors, causal=True) * Tensor(dy)).sum().backward()
P = attention(Tensor(q), Tensor(k), Tensor(np.eye(5)), causal=True).numpy()  # values: one-hot
assert np.allclose(P.T @ dy, tensors[2].grad.numpy())
print("P, in %:", *np.round(100 * P).astype(int).tolist(), sep="\n  ")

# %% [markdown]
# ## A transformer
#
# A language model is little more. Several **heads** attend side by side, each with a part of the
# vector. Behind attention each token thinks for itself, in two linear layers. Both are added to
# what came in, so that a gradient has a straight way back, as it had along the state of a GRU.
# Attention does not know of order; so a second embedding, of the place, is added to that of the
# token. At the end, the vector of a token is compared with all rows of the table that it began
# with: the output layer is the embedding once more. Names are those of nanoGPT (Karpathy 2022), so
# that weights fit.


# %%
class Attention(nn.Module):
    """Attention in several heads, with the layers before and behind it."""

    def __init__(self, width, heads):
        self.heads = heads
        self.c_attn = nn.Linear(width, 3 * width, bias=False)
        self.c_proj = nn.Linear(width, width, bias=False)

    def forward(self, x, causal):
        """Return (N, T, width) for x (N, T, width)."""
        N, T, width = x.shape
        heads = self.c_attn(x).reshape(N, T, 3, self.heads, width // self.heads)
        q, k, v = heads.permute(2, 0, 3, 1, 4)  # each (N, heads, T, width / heads)
        y = attention(q, k, v, causal)
        return self.c_proj(y.transpose(1, 2).reshape(N, T, width))


class MLP(nn.Module):
    """Two linear layers, on each token by itself."""

    def __init__(self, width):
        self.c_fc = nn.Linear(width, 4 * width, bias=False)
        self.c_proj = nn.Linear(4 * width, width, bias=False)

    def forward(self, x):
        """Return (N, T, width) for x (N, T, width)."""
        return self.c_proj(ops.gelu(self.c_fc(x)))


class Block(nn.Module):
    """Attention and MLP, each behind a normalisation, each added to what came in."""

    def __init__(self, width, heads):
        self.ln_1, self.attn = nn.LayerNorm(width, bias=False), Attention(width, heads)
        self.ln_2, self.mlp = nn.LayerNorm(width, bias=False), MLP(width)

    def forward(self, x, causal):
        """Return (N, T, width) for x (N, T, width)."""
        x = x + self.attn(self.ln_1(x), causal)
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    """Tokens (N, T) to what is known at each of them, (N, T, width)."""

    def __init__(self, vocabulary, context, layers, heads, width):
        self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.h = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.ln_f = nn.LayerNorm(width, bias=False)

    def forward(self, ids, causal):
        """Return (N, T, width) for tokens (N, T)."""
        return self.read(self.wte(ids), causal)

    def read(self, x, causal):
        """Return (N, T, width) for the tokens' vectors (N, T, width)."""
        x = x + self.wpe(Tensor(np.arange(x.shape[1])))
        for block in self.h:
            x = block(x, causal)
        return self.ln_f(x)


class Network(nn.Module):
    """Tokens (N, T) to the logits (N, T, V) of a token at each place."""

    def __init__(self, vocabulary, context, layers, heads, width):
        self.transformer = Transformer(vocabulary, context, layers, heads, width)
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        self.lm_head.weight = self.transformer.wte.weight
        for weight in self.parameters():
            if weight.ndim == 2:  # small at first, so that all tokens are about equally likely
                weight.data[...] = 0.08 * minae.randn(*weight.shape).numpy()

    def forward(self, ids, causal=True):
        """Return the logits (N, T, V)."""
        return self.lm_head(self.transformer(ids, causal))


# %% [markdown]
# It is `minae.models.GPT`, which can do a little more, and is used from the next section but one
# on.

# %%
sizes = {"context": 32, "layers": 2, "heads": 4, "width": 64}
minae.manual_seed(0)
ours, minaes = Network(V, **sizes), models.GPT(V, **sizes)
ours.load_state_dict(minaes.state_dict())
batch = Tensor(ids["train"][:320].reshape(10, 32))
off = float(np.abs((ours(batch) - minaes(batch)).detach().numpy()).max())
print(f"logits of this network and of models.GPT differ by at most {off:.1e}")
assert off < 1e-4

# %% [markdown]
# **Does no token see the future?** This can be proven, without reading the code. Change the
# characters from place 20 on. The outputs before it must be the same, and not about the same: all
# the same bits. Without the mask they are not. Nor must a gradient come back from earlier outputs
# to later inputs.

# %%
changed = batch.numpy().copy()
changed[:, 20:] = (changed[:, 20:] + 1) % V
for causal in (True, False):
    with no_grad():
        one, other = (ours(Tensor(x), causal).numpy()[:, :20] for x in (batch.numpy(), changed))
    print(f"causal {causal}: {(one == other).mean():.0%} of earlier outputs keep their bits")
    assert np.array_equal(one, other) == causal
vectors = Tensor(ours.transformer.wte(batch).detach().numpy(), requires_grad=True)
ours.transformer.read(vectors, causal=True)[:, :20].sum().backward()
assert not vectors.grad.numpy()[:, 20:].any()
assert vectors.grad.numpy()[:, :20].any()

# %% [markdown]
# ## One network, three ways to hide the answer
#
# Now train this network, on pieces of 32 characters, to say what each character is. It is the same
# network each time, with the same steps and rates. What differs is what it is not shown:
#
# - **nothing hidden**: it sees all characters, and has to say them. What could be easier?
# - **a bottleneck**: the vectors of all 32 are squeezed into 64 numbers together, and a second such
#   network says all characters from these alone. This is an *autoencoder*.
# - **masked**: 15% of the characters are replaced by a sign of their own, and those it has to say.
#   This is a *denoising autoencoder*, with noise that suits text, and it is BERT (Devlin et al.
#   2019).
# - **the future**: at each place it sees the characters up to there, and has to say the next one.
#   This is a *language model*, and it is GPT.
#
# And a fifth, a mistake that everybody makes once: the next character is asked for, and the causal
# mask has been forgotten.

# %%
CONTEXT, MASK = 32, V  # the sign for what is masked is one more token
ALL = {"context": CONTEXT, "layers": 2, "heads": 4, "width": 64}


class Nothing(nn.Module):
    """Sees everything, and says everything."""

    def __init__(self):
        self.network = Network(V + 1, **ALL)

    def answers(self, ids, rng):
        """Return logits (N, T, V + 1) for characters (N, T + 1), the right ones, and where."""
        seen = ids[:, :-1]
        return self.network(Tensor(seen), causal=False), seen, np.ones(seen.shape, bool)

    def loss(self, ids, seed):
        """Return the mean -log p of the characters that are asked for."""
        logits, right, asked = self.answers(ids.numpy(), np.random.default_rng(seed.item()))
        target = np.where(asked, right, -1)
        return ops.cross_entropy(logits.flatten(0, 1), Tensor(target.ravel()), ignore_index=-1)


class Bottleneck(Nothing):
    """Says everything from 64 numbers."""

    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Linear(64 * CONTEXT, 64), nn.Linear(64, 64 * CONTEXT)
        self.writer = Network(V + 1, **ALL)

    def answers(self, ids, rng):
        """See Nothing."""
        seen = ids[:, :-1]
        vectors = self.network.transformer(Tensor(seen), causal=False)  # (N, T, 64)
        code = self.down(vectors.flatten(1, 2))  # (N, 64)
        at_each = self.up(code).reshape(vectors.shape)
        logits = self.writer.lm_head(self.writer.transformer.read(at_each, causal=False))
        return logits, seen, np.ones(seen.shape, bool)


class Masked(Nothing):
    """Says what is masked. (Exercise 14.6 masks as BERT does, which is a little more refined.)"""

    def answers(self, ids, rng):
        """See Nothing."""
        seen = ids[:, :-1]
        asked = rng.random(seen.shape) < 0.15
        given = np.where(asked, MASK, seen)
        return self.network(Tensor(given), causal=False), seen, asked


class Future(Nothing):
    """Says the next character, at each place."""

    causal = True

    def answers(self, ids, rng):
        """See Nothing."""
        logits = self.network(Tensor(ids[:, :-1]), causal=self.causal)
        return logits, ids[:, 1:], np.ones(ids[:, 1:].shape, bool)


class Forgotten(Future):
    """The same, but nobody hid the future."""

    causal = False


def piece_batch(rng, N=16):
    """Return pieces of the text (N, T + 1), and a seed for what is drawn. (Exercise 14.2)"""
    starts = rng.integers(0, len(ids["train"]) - CONTEXT, N)
    return ids["train"][starts[:, None] + np.arange(CONTEXT + 1)], rng.integers(0, 2**31)


unseen = ids["validation"][: 600 * 33].reshape(600, 33)
ways = {
    "nothing hidden": Nothing,
    "a bottleneck": Bottleneck,
    "masked": Masked,
    "the future": Future,
    "the future, mask forgotten": Forgotten,
}
trained, curves, judged = {}, {}, {}
for name, way in ways.items():
    minae.manual_seed(0)
    trained[name] = model = way()
    history = np.array([loss for _, loss in learn(model, piece_batch, 400, 5e-3)])
    curves[name] = np.arange(10, 401, 20), history.reshape(-1, 20).mean(axis=1)
    with no_grad():
        logits, right, asked = model.answers(unseen, np.random.default_rng(1))
        nats = model.loss(Tensor(unseen), Tensor(np.array(1))).item()
    found = logits.numpy()[:, :, :V].argmax(axis=2) == right
    judged[name] = [nats, float(found[asked].mean())]

# %% [markdown]
# Judge them in two ways. First by what they were trained for: the loss, and the share of characters
# that they say right, on unseen text. Then ask each for a character that is *not in its input*: for
# the first and the third, one in the middle that has been masked; for the language models, the one
# behind the last. (The autoencoder is left out, since it never sees the characters that it says.)


# %%
def right_when_hidden(name):
    """Return the share of right answers for a character that the network does not see."""
    model, pieces = trained[name], unseen
    with no_grad():
        if isinstance(model, Future):
            logits = model.network(Tensor(pieces[:, :-1]), causal=model.causal)
            return float((logits.numpy()[:, -1, :V].argmax(axis=1) == pieces[:, -1]).mean())
        given = pieces[:, :-1].copy()
        given[:, 16] = MASK
        logits = model.network(Tensor(given), causal=False).numpy()
        return float((logits[:, 16, :V].argmax(axis=1) == pieces[:, 16]).mean())


rows = [
    (name, *judged[name], "" if name == "a bottleneck" else right_when_hidden(name))
    for name in ways
]
header = ("hidden", "nats a character", "right", "right, if it is not in the input")
print_table(header, rows, "600 unseen pieces of 32 characters")
title = "One network, and what is hidden from it"
keep(plots.lines(curves, "steps", "nats a character", title), "hidden.png")
knows = {name: right_when_hidden(name) for name in ways if name != "a bottleneck"}
assert judged["nothing hidden"][0] < 0.05
assert judged["the future, mask forgotten"][0] < 0.2
assert knows["nothing hidden"] < 0.05
assert knows["masked"] > 0.12
assert knows["the future"] > max(0.35, knows["the future, mask forgotten"] + 0.05)

# %% [markdown]
# Nothing is easier than to say what one sees: the first network has a loss of nearly 0 after a
# hundred steps. It copies. Ask for a character that it cannot see, and it knows nothing. So what a
# network learns is decided by what is hidden from it. The three in the middle have a worse loss,
# and know something of the text: the autoencoder, how to sum 32 characters up; the masked one, how
# to fill gaps; and the language model, how to go on. The language model is asked at every place;
# the masked one, which is asked at one in seven, has hardly begun.
#
# The last network is the first one in disguise. Its loss falls to nearly 0 just the same, since the
# next character stands right there in its input. (But for the last place, where there is nothing to
# copy, and from which most of its loss comes.) Its curve looks like success; and when it is to
# write, it is worse than the honest one, whose loss is twenty times as high. **A loss that is too
# good is a leak.** Here is how to see it:
#
# - know what is possible. Shannon (1951) let people guess English letter by letter, and found 0.6
#   to 1.3 bits a letter, that is, 0.4 to 0.9 nats. A small network that has 0.1 is not clever;
# - compare with counting, as the next section does;
# - change the future, as above, and see whether the past moves.
#
# ## Counting
#
# What does a language model have to beat? Shannon's own, which counts: how often did each character
# follow the last n - 1? That is an **n-gram**. A context that was seen twice says little, and one
# that was never seen nothing, so each order leans on the next shorter one. Witten & Bell (1991) let
# the number of *different* characters T(h) that were seen behind a context h decide how much:
#
# $$p(c \mid h) = \frac{n(h c) + T(h) \, p(c \mid h')}{n(h) + T(h)}$$
#
# where n counts, and h' is h without its first character. It starts with p = 1/V.


# %%
class Counts:
    """How often each piece of 1 to `longest` characters occurs in a text."""

    def __init__(self, ids, V, longest):
        self.V, self.tables = V, []
        for n in range(1, longest + 1):
            pieces, count = np.unique(self.keys(ids, n), return_counts=True)
            contexts, start = np.unique(pieces // V, return_index=True)  # pieces are sorted
            total, kinds = np.add.reduceat(count, start), np.diff(np.append(start, len(pieces)))
            self.tables.append((pieces, count, contexts, total, kinds))

    def keys(self, ids, n):
        """Return each piece of n characters as one number, in base V: (T - n + 1,)."""
        places = range(n)
        return sum(ids[i : len(ids) - n + 1 + i] * self.V ** (n - 1 - i) for i in places)

    def nats(self, ids):
        """Return -log p of each character of a text by n-grams of each length: (longest, T)."""
        p, rows = np.full(len(ids), 1 / self.V), []
        for n, (pieces, count, contexts, total, kinds) in enumerate(self.tables, 1):
            keys = self.keys(ids, n)
            seen, after, T = (
                looked_up(keys, pieces, count),
                looked_up(keys // self.V, contexts, total),
                looked_up(keys // self.V, contexts, kinds),
            )
            shorter = p[n - 1 :]  # the first n - 1 characters have no longer context
            p = p.copy()
            p[n - 1 :] = np.where(after, (seen + T * shorter) / np.maximum(after + T, 1), shorter)
            rows.append(-np.log(p))
        return np.array(rows)

    def known(self, ids):
        """Return how long the longest context is that was seen, of each character: (T,)."""
        longest = np.zeros(len(ids), int)
        for n, (_, _, contexts, total, _) in enumerate(self.tables[1:], 1):
            keys = self.keys(ids, n)[:-1]
            longest[n:] += looked_up(keys, contexts, total) > 0
        return longest


def looked_up(keys, known, values):
    """Return the value of each key, 0 for keys that are not among the known ones, sorted."""
    place = np.searchsorted(known, keys).clip(max=len(known) - 1)
    return np.where(known[place] == keys, values[place], 0)


begin = time.perf_counter()
counts = Counts(ids["train"], V, 8)
by_order = dict(enumerate(counts.nats(ids["validation"]).mean(axis=1), 1))
best = min(by_order, key=by_order.get)
rows = [(n, len(counts.tables[n - 1][0]), float(nats)) for n, nats in by_order.items()]
print_table(("n", "different pieces", "nats a character"), rows, "n-grams, on validation text")
print(f"counted in {time.perf_counter() - begin:.1f} s")

# %% [markdown]
# ## A GPT
#
# Now the real thing, as nanoGPT has it for a computer without a GPU: 4 heads, 128 numbers a token,
# 64 characters of context, 12 pieces a batch. But it has 2 layers instead of 4, which in half a
# minute learn more. Each piece asks 64 questions, and all are answered at once.

# %%
CONTEXT, BATCH, STEPS = 64, 12, 1100


def windows(ids, context=CONTEXT):
    """Return a text as pieces (N, context + 1), in which each character is predicted once."""
    return np.lib.stride_tricks.sliding_window_view(ids, context + 1)[::context]


def nats_of(model, pieces):
    """Return -log p of each character of pieces (N, T + 1) but the first: (N, T)."""
    parts = np.array_split(pieces, -(-len(pieces) // 50))
    return np.concatenate([model.token_nats(Tensor(part)).numpy() for part in parts])


def text_batch(text, rng, words=CONTEXT + 1, N=BATCH):
    """Return pieces (N, words) that begin anywhere in a text."""
    starts = rng.integers(0, len(text) - words + 1, N)
    return (text[starts[:, None] + np.arange(words)],)


def watched(model, text, pieces, recipe, every):
    """Train, and return now and then (steps, seconds of training, nats a character of pieces)."""
    found, seconds, begin = [], 0.0, time.perf_counter()
    for step, _ in learn(model, partial(text_batch, text), *recipe):
        if step % every == 0:
            seconds += time.perf_counter() - begin
            found.append((step, seconds, float(nats_of(model, pieces).mean())))
            begin = time.perf_counter()
    return found


def beside_counting(by_order, orders, ends):
    """Return horizontal lines for n-grams of some orders, from the first to the last of ends."""
    return {f"{n}-gram {by_order[n]:.2f}": ([ends[0], ends[-1]], [by_order[n]] * 2) for n in orders}


minae.manual_seed(0)
gpt = models.GPT(V, context=CONTEXT, layers=2, heads=4, width=128)
size = sum(weight.data.size for weight in gpt.parameters())
print(f"{size:,} weights")
choosing = windows(ids["validation"])[::20]
history = watched(gpt, ids["train"], choosing, (STEPS, 6e-3), every=100)
_, seconds, nats = zip(*history, strict=True)
lines = {"GPT": (seconds, nats)} | beside_counting(by_order, (2, 3, 4, 5, best), seconds)
title = "A GPT learns to write docstrings, beside counting"
keep(plots.lines(lines, "seconds of training", "nats a character", title), "gpt.png")

# %%
tested = ids["test"][: 3000 * CONTEXT + 1]  # half of it
nats = nats_of(gpt, windows(tested))  # (3000, 64)
counted = counts.nats(tested)[:, 1 : 1 + nats.size]  # of the same characters
on_test = dict(enumerate(counted.mean(axis=1), 1))
rows = [(f"{n}-gram", float(on_test[n])) for n in (2, 3, 4, 5, best)]
rows += [("GPT", float(nats.mean())), ("GPT, from place 32 on", float(nats[:, 32:].mean()))]
print_table(("unseen text", "nats a character"), rows, f"{nats.size:,} characters")

# %% [markdown]
# The GPT passes bigrams, and then trigrams. And the rest? In this text counting is very good.
# Docstrings repeat each other, "array_like, optional" and whole paragraphs, and seven characters
# that were seen before mostly go on as they did before. To see what each is good at, sort the
# characters of the test text by how much of their context is known: what is the longest context,
# up to 7 characters, that the training text has?

# %%
known = counts.known(tested)[1 : 1 + nats.size]
by_counting, by_gpt = counted[best - 1], nats.ravel()
rows, groups = [], [(0, 3), (4, 4), (5, 5), (6, 6), (7, 7)]
for low, high in groups:
    of = (known >= low) & (known <= high)
    name = f"{low} to {high}" if low < high else str(low)
    rows.append((name, f"{of.mean():.1%}", float(by_counting[of].mean()), float(by_gpt[of].mean())))
header = ("longest known context", "of the text", f"{best}-gram", "GPT")
print_table(header, rows, "nats a character, on unseen text")
assert on_test[best] < on_test[5] < nats.mean() < on_test[3] - 0.1
new, old = known <= 3, known == 7
assert by_gpt[new].mean() < by_counting[new].mean() - 0.02
assert by_gpt[old].mean() > by_counting[old].mean() + 0.3
places = np.arange(1, CONTEXT + 1)
lines = {"GPT": (places, nats.mean(axis=0))} | beside_counting(on_test, (2, 3, 4, 5, best), places)
title = "What a GPT loses, by how many characters it sees"
keep(plots.lines(lines, "characters seen", "nats a character", title, log_x=True), "places.png")

# %% [markdown]
# So most of this text has been seen before, in pieces of seven characters, and where it has, there
# is no better guide than the count of what followed. Counting has read all of the training text,
# and keeps half a million pieces of eight. The GPT has read less than half of it, and keeps 0.4
# million numbers. Where the context is new, counting falls back on a shorter one, and forgets what
# stood before it. There the GPT is as good, or better: it need not have seen a context to use it.
#
# `places.png` says what it still lacks. The first character of a piece lets it say nearly as much
# as bigrams do, and up to the sixth each one helps. From there on it gains hardly anything, though
# it sees up to 64. What is near is learned first; what is far takes much longer training.
#
# **When does a GPT pass counting?** When it has had the time, and the text does not repeat itself.
# Both are so with tiny Shakespeare, below.
#
# ## Sampling
#
# A language model gives a probability for each next token. If you always take the most probable one
# (**greedy** decoding), you get a dull text that soon goes round in circles. So draw. Dividing the
# logits by a **temperature** before the softmax makes the probable ones more probable, if it is
# below 1, and less if it is above. **Top-k** allows only the k most probable ones.
#
# From a text one cannot see whether it was drawn right. Frequencies can tell: draw 20,000 times,
# and count. (In exercise 14.4 you draw for many rows at once, and are judged like this.)


# %%
def probabilities(logits, temperature, top_k):
    """Return the probability (V,) of each token to be drawn."""
    order = np.argsort(logits)[::-1]
    p = np.zeros(len(logits))
    p[order[:top_k]] = np.exp((logits[order[:top_k]] - logits.max()) / temperature)
    return p / p.sum()


def numbers(text):
    """Return the numbers of a text's characters."""
    return np.array([number[c] for c in text])


prompt = "Return the s"
with no_grad():
    logits = gpt(Tensor(numbers(prompt)[None])).numpy()[0, -1].astype(float)
likely = np.argsort(logits)[::-1][:5]
rows, rng = [], np.random.default_rng(0)
for temperature, top_k in ((0.5, V), (1.0, V), (1.0, 3), (2.0, V)):
    p = probabilities(logits, temperature, top_k)
    share = np.bincount(rng.choice(V, 20_000, p=p), minlength=V) / 20_000
    usual = p > 1e-3  # a token of which fewer than 20 are expected says little
    assert (np.abs(share - p) <= 5 * np.sqrt(p * (1 - p) / 20_000))[usual].all()
    assert not share[p == 0].any()
    cells = (f"{share[i]:.3f} ({p[i]:.3f})" for i in likely)
    rows.append((f"{temperature}", "all" if top_k == V else f"{top_k}", *cells))
header = ("temperature", "top-k", *(f'"{characters[i]}"' for i in likely))
print_table(header, rows, f'after "{prompt}": drawn, and in brackets expected')

# %% [markdown]
# Now let it write. What does a temperature do to a text? Count, in 1,200 characters of each, what
# share of the words exist, that is, occur in the training text, and what share of them are
# different.

# %%
known_words = set(texts["train"].split())


def written(temperature, count=600, seed=0, top_k=None):
    """Return a text that the GPT writes after "Return"."""
    how = {"temperature": temperature, "seed": seed, "top_k": top_k}
    return said(gpt.generate(numbers("\nReturn"), count, **how))


rows = []
for temperature in (0.0, 0.4, 0.8, 1.0, 1.3):
    drafts = [written(temperature, seed=seed) for seed in range(2)]
    words = [word for draft in drafts for word in draft.split()[1:-1]]
    real = float(np.mean([word in known_words for word in words]))
    rows.append((f"{temperature}", real, len(set(words)) / len(words)))
    print(f"temperature {temperature}: Return{drafts[0][:220]!r}")
print_table(("temperature", "words that exist", "different words"), rows)
exist, different = ([row[i] for row in rows] for i in (1, 2))
assert exist[1] > exist[4] + 0.1
assert different[0] < different[3] - 0.2

# %% [markdown]
# With always the most probable character, all words exist, or nearly all, and they are always the
# same. At 1, which changes no probability, about half of the words are invented. In between it is a
# matter of taste. More training moves the whole table: probable then means right more often.
#
# ## A cache
#
# To write character number 64, the network has to know the keys and values of the 63 before it.
# They are the same as in the step before, since no token sees the future. So keep them: a
# **cache**. Then each step computes one position, and not all of them anew. (Exercise 14.5 is its
# attention.)

# %%
text = ids["test"][:CONTEXT]


@no_grad()
def with_a_cache():
    """Return the logits (64, V), computed one position at a time."""
    cache = models.gpt.Cache(gpt)
    return np.stack([gpt(Tensor(one.reshape(1, 1)), cache).numpy()[0, 0] for one in text])


@no_grad()
def anew():
    """Return the logits (64, V), with all positions computed at each step."""
    lengths = range(1, CONTEXT + 1)
    return np.stack([gpt(Tensor(text[None, :length])).numpy()[0, -1] for length in lengths])


off = float(np.abs(with_a_cache() - anew()).max())
# other programs on the machine only add time, so the shortest of a few runs says most
cached, without = (min(timeit.repeat(way, number=1, repeat=5)) for way in (with_a_cache, anew))
print(f"logits with and without a cache differ by at most {off:.1e}")
rows = [
    ("without", CONTEXT * (CONTEXT + 1) // 2, 1e3 * without),
    ("with a cache", CONTEXT, 1e3 * cached),
]
print_table(("64 characters", "positions computed", "milliseconds"), rows)
assert off < 1e-3

# %% [markdown]
# One position in 32 is left to compute. In time the gain is less, since each call takes some,
# however little it computes: in a network as small as this one, a slow processor may gain nothing.
# With a larger network or a longer text it comes nearer.
#
# ## Pretraining: what codes are worth
#
# Text is everywhere; labels are expensive. So let a network read without labels first, and then use
# what it knows. In this collection the label of a docstring is the part of the library that it is
# from, one of 24. Here are two networks of the same size which read words, on the same pieces of
# the same text. One fills gaps, `models.MaskedLanguageModel`; one goes on, `models.GPT`. The code
# of a text is the mean of the vectors that they have for its words, the first 64. Beside them
# stand
#
# - the codes of this lesson's autoencoder of documents, which sees all words, and no order;
# - those of lesson 12's variational autoencoder of sentences, a mean over the sentences of a text;
# - tf-idf: all words, counted and weighed, without any training.

# %%
stream = data.train.inputs.values  # all texts, one after the other, with </s> behind each
LONG = 64  # words
SIZE = {"layers": 2, "heads": 4, "width": 128}
minae.manual_seed(0)
reader = models.GPT(len(vocabulary), context=LONG, **SIZE)
masked = models.MaskedLanguageModel(len(vocabulary), longest=LONG, dropout=0.0, **SIZE)
masked.start_at_mean(data.train.inputs)
for model, words in ((reader, LONG + 1), (masked, LONG)):  # a GPT predicts one word more
    done(learn(model, partial(text_batch, stream, words=words, N=16), 200, 3e-3))

# %% [markdown]
# The autoencoder of sentences is trained as in lesson 12, with all that keeps it from ignoring its
# code.


# %%
def sentences(texts):
    """Return the sentences of texts that have 4 to 13 words, and which text each is from."""
    found, owners = [], []
    for owner, text in enumerate(texts):
        for one in np.split(text, np.flatnonzero(text == place["."]) + 1):
            if 5 <= len(one) <= 14 and one[-1] == place["."] and one.min() > END:
                found.append((*one, END))
                owners.append(owner)
    return Ragged.of(found), np.array(owners)


learned, _ = sentences(data.train.inputs)
sizes = {"longest": 20, "embedding": 64, "hidden": 128, "latent": 16}
minae.manual_seed(0)
talker = models.SequenceVAE(len(vocabulary), **sizes, word_dropout=0.5, annealing=100)
talker.start_at_mean(learned)
done(learn(talker, lambda rng: (learned[rng.integers(0, len(learned), 64)].padded(),), 120, 3e-3))


@no_grad()
def coded(codes, texts):
    """Return the codes (N, Z) of texts, by a function of ids (N, L)."""
    parts = np.split(np.arange(len(texts)), range(100, len(texts), 100))
    return np.concatenate([codes(Tensor(texts[some].padded())).numpy() for some in parts])


def mean_of(vectors):
    """Return a function of ids (N, L) to the mean of vectors (N, L, E) over the words of a text."""

    def codes(ids):
        inside = Tensor((ids.data != PAD)[:, :, None].astype(np.float32))
        return (vectors(ids) * inside).sum(1) / inside.sum(1)

    return codes


def of_sentences(texts):
    """Return the mean code (N, 16) of the sentences of each text, 0 if none is short enough."""
    found, owners = sentences(texts)
    total = np.zeros((len(texts), 16))
    np.add.at(total, owners, coded(talker.codes, found))
    return total / np.maximum(np.bincount(owners, minlength=len(texts)), 1)[:, None]


ways = {
    "GPT": lambda texts: coded(mean_of(reader.transformer), texts.cut(LONG)),
    "masked": lambda texts: coded(masked.codes, texts.cut(LONG)),
    "autoencoder of documents": lambda texts: coded(documents.codes, texts),
    "VAE of sentences": of_sentences,
}


def codes_of(way):
    """Return the codes of the texts of each part."""
    return {part: way(getattr(data, part).inputs) for part in texts}


def features_of(rows):
    """Return codes of each part, moved and scaled by those to train on."""
    mean, scale = rows["train"].mean(axis=0), rows["train"].std()
    return {part: (x - mean) / scale for part, x in rows.items()}


all_codes = {name: codes_of(way) for name, way in ways.items()}
features = {name: features_of(rows) for name, rows in all_codes.items()}
tfidf = TfidfVectorizer(sublinear_tf=True, token_pattern=r"\w+", dtype=np.float32)
tfidf.fit(data.train.texts)
features["tf-idf"] = {part: tfidf.transform(getattr(data, part).texts) for part in texts}

# %% [markdown]
# A classifier that adds little of its own, a logistic regression, gets 1, 5 or 20 labels of each
# part of the libraries, or all. As in lesson 9, the same draws serve all methods. How strongly it
# is held back is chosen on validation texts, with other draws.

# %%
labels = {part: getattr(data, part).labels for part in texts}
PER_CLASS, DRAWS = (1, 5, 20, 0), 5  # 0: all labels
STRENGTHS = (1.0, 10.0, 100.0)


def draw(k, seed):
    """Return the training texts that get a label: k of each class, or all if k is 0."""
    order = np.random.default_rng(seed).permutation(len(labels["train"]))
    of_class = [order[labels["train"][order] == c] for c in range(len(data.kind.classes))]
    return np.concatenate([rows[: k or None] for rows in of_class])


@functools.cache
def fitted(name, k, seed, C):
    """Return a logistic regression on the labels of one draw."""
    rows, x = draw(k, seed), features[name]["train"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a label of each class looks like none at all
        return LogisticRegression(C=C, max_iter=500).fit(x[rows], labels["train"][rows])


def right(name, k, seed, C, part):
    """Return the % of a part that is right, by the labels of one draw."""
    return 100 * float(fitted(name, k, seed, C).score(features[name][part], labels[part]))


def accuracies(name, k):
    """Return the % of test texts that are right, for each draw."""
    others = (100, 101) if k else (0,)
    C = max(
        STRENGTHS,
        key=lambda C: np.mean([right(name, k, seed, C, "validation") for seed in others]),
    )
    return np.array([right(name, k, seed, C, "test") for seed in (range(DRAWS) if k else (0,))])


def mean_and_error(values):
    """Return the mean of values (S,), and its standard error if there are several, as text."""
    error = f" ± {values.std(ddof=1) / np.sqrt(len(values)):.1f}" if len(values) > 1 else ""
    return f"{values.mean():.1f}{error}"


accuracy = {name: [accuracies(name, k) for k in PER_CLASS] for name in features}
header = ("", *(f"{len(draw(k, 0)):,} labels" for k in PER_CLASS))
rows = [(name, *map(mean_and_error, cells)) for name, cells in accuracy.items()]
print_table(header, rows, "% of test texts right: mean of draws ± standard error")
mean = {name: [cell.mean() for cell in cells] for name, cells in accuracy.items()}
bags, words = mean["autoencoder of documents"], mean["tf-idf"]
assert bags[0] > words[0] - 8  # few labels
assert words[2] > bags[2] + 5  # many
assert words[3] > bags[3] + 5
assert bags[0] > max(mean["GPT"][0], mean["masked"][0]) + 10

# %% [markdown]
# With one label of each class, 32 numbers of an autoencoder are worth about as much as all words:
# it has seen which words go together, and that was in no label. With more labels tf-idf is ahead.
# In a collection like this one the words themselves say nearly all.
#
# The two transformers are far behind. That is not what one reads about GPT and BERT, and the reason
# is time: they have not even read these half a million words once, and published ones have read
# billions. The autoencoder of documents has a much easier task, which words occur and not where,
# and is done with it. A masked language model is especially slow to learn, since only 15% of the
# words are asked for. The sentence autoencoder is the last or nearly so: its 16 numbers were made
# for a sentence.
#
# ## What a GPT keeps of an autoencoder, and what it gives up
#
# It keeps the encoder's first layer, the embedding. And it keeps the decoder of lesson 12, which
# wrote a text token by token, given those before and a code:
#
# $$-\sum_t \log p(x_t \mid \mathrm{code}, x_1 \ldots x_{t-1}) \quad \text{becomes} \quad
# -\sum_t \log p(x_t \mid x_1 \ldots x_{t-1})$$
#
# What it gives up is the code. A GPT has a vector at every token, made to say what comes next, and
# none that is made to stand for the whole text. One can make one: take the last vector, or the mean
# of all, or the mean of the embeddings. Which? Ask as lesson 12 did: of the ten training texts that
# are nearest to an unseen one, by the angle between their codes, how many are from the same part of
# the same library?


# %%
def unit(x):
    """Return rows of the length 1."""
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)


def precision(x, k=10):
    """Return how many of the k nearest training texts are of a test text's class, a mean share."""
    nearest = (-unit(x["test"]) @ unit(x["train"]).T).argsort(axis=1)[:, :k]
    return float((labels["train"][nearest] == labels["test"][:, None]).mean())


def at_the_end(ids):
    """Return the GPT's vector at the end of texts (N, L): (N, 128)."""
    ends = Tensor((ids.data != PAD).sum(axis=1) - 1)
    return reader.transformer(ids)[Tensor(np.arange(len(ids))), ends]


tried = {
    "GPT: the last vector": lambda texts: coded(at_the_end, texts.cut(LONG)),
    "GPT: the mean of its embeddings": lambda texts: coded(
        mean_of(reader.transformer.wte), texts.cut(LONG)
    ),
}
near = {name: precision(x) for name, x in features.items() if name != "tf-idf"}
near["GPT: the mean of its vectors"] = near.pop("GPT")
near |= {name: precision(features_of(codes_of(way))) for name, way in tried.items()}
near["tf-idf"] = precision({part: x.toarray() for part, x in features["tf-idf"].items()})
print_table(("codes", "precision at 10"), sorted(near.items(), key=lambda row: row[1]))
assert near["autoencoder of documents"] > near["GPT: the mean of its vectors"] + 0.15
assert near["GPT: the mean of its vectors"] > near["GPT: the last vector"] + 0.05

# %% [markdown]
# Now ask both for what each is made for: a neighbour, and a continuation.

# %%
asked = data.kind.encode(["compute the median along an axis, ignoring missing values."])
for name in ("autoencoder of documents", "GPT"):
    rows = all_codes[name]["train"]
    mean = rows.mean(axis=0)
    order = (unit(rows - mean) @ unit(ways[name](asked) - mean)[0]).argsort()[::-1]
    print(f"{name}, nearest:", *(data.train.names[i] for i in order[:3]))
with no_grad():
    p = documents(Tensor(asked.padded())).numpy()[0]  # (V,)
    again = talker(Tensor(asked.padded())).numpy()
usual = np.bincount(stream, minlength=len(vocabulary)) / len(stream)
more = (p - usual).argsort()[::-1][:12]  # what it finds more probable than in any text
print("its words, by the autoencoder:", *(vocabulary[i] for i in more))
print("said again, by the VAE:", data.kind.decode(again)[0])
start = data.kind.encode(["compute the median"]).values[:-1]
for seed in range(3):
    more = reader.generate(start, 20, temperature=0.7, seed=seed)
    print("the GPT goes on:", data.kind.decode([[*start, *more]])[0])

# %% [markdown]
# The autoencoder was made for the first: one code for a text, to search and to compare, and from
# the code back to its words, without their order. The GPT was made for the second. It goes on in
# good order, and as often as you ask with another text; what it says is as good as a few seconds of
# reading (`<unk>` is any word that the vocabulary lacks). It can be asked for a vector too, but no
# vector in it was made to stand for a text, and which one serves best is a matter of trying. So
# search still uses models that are trained to have a code.
#
# ## Full size
#
# `--full` trains on tiny Shakespeare, 1.1 million characters, on which nanoGPT is shown: the first
# 90% are to learn from, and the rest is for validation, all of it. First with nanoGPT's own recipe
# for a computer without a GPU, and its 4 layers, then with a higher rate, then for longer. Beside
# it stand n-grams of the same text.
#
# Then names, as in makemore (Karpathy 2022). And the questions of lesson 12, TREC, for a network
# that was trained on the questions without labels, as a masked language model or as a GPT, and then
# on 100, 500 or all labels. Beside each is the same network from random weights. Draws are those of
# lesson 12, and rates are chosen on validation questions, with other draws.

# %%
RECIPES = {  # steps, and the highest and the lowest rate
    "nanoGPT's recipe": (2_000, 1e-3, 1e-4),
    "with a higher rate": (2_000, 3e-3, 1e-4),
    "for longer": (20_000, 3e-3, 1e-4),
}
PRETRAINING, FINE_TUNING = 4_000, {100: 150, 500: 400, 0: 1_000}  # steps, by labels; 0: all


class OfRows(nn.Module):
    """A GPT of short texts (N, L), each from its start to its end, with zeros behind it."""

    def __init__(self, gpt):
        self.gpt = gpt

    def nats(self, ids):
        """Return -log p of all tokens behind the start, summed, and how many they are."""
        logits, target = self.gpt(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten()
        total = ops.cross_entropy(logits, target, ignore_index=PAD, reduction="sum")
        return total, int((target.data != PAD).sum())

    def loss(self, ids):
        """Return the mean -log p of a token."""
        total, count = self.nats(ids)
        return total / count


def started(texts):
    """Return texts with a start before each: (N, L + 1)."""
    rows = texts.padded()
    return np.concatenate([np.full((len(rows), 1), START, np.int32), rows], axis=1)


def rows_batch(rows, rng):
    """Return some rows (32, L)."""
    return (rows[rng.integers(0, len(rows), 32)],)


def shakespeare():
    """Return nats a character of all validation text: by n-grams, and while GPTs train."""
    (path,) = fetch("tiny_shakespeare").values()
    text = path.read_text(encoding="utf-8")
    letters = {c: i for i, c in enumerate(sorted(set(text)))}
    learned, unseen = np.split(np.array([letters[c] for c in text]), [int(0.9 * len(text))])
    by_order = Counts(learned, len(letters), 8).nats(unseen).mean(axis=1)
    result = {"n-grams": by_order.tolist()}
    for name, recipe in RECIPES.items():
        minae.manual_seed(0)
        model = models.GPT(len(letters), context=CONTEXT, layers=4, heads=4, width=128)
        result[name] = watched(model, learned, windows(unseen), recipe, every=500)
    return result


def first_names():
    """Return nats a letter of unseen first names, where the end of each counts as a letter."""
    names = load("names", tokens="characters")
    learned, unseen = started(names.train.inputs), started(names.test.inputs)
    minae.manual_seed(0)
    model = OfRows(models.GPT(len(names.kind.vocabulary), 20, layers=4, heads=4, width=64))
    done(learn(model, partial(rows_batch, learned), 10_000, 1e-3))
    with no_grad():
        total, count = model.nats(Tensor(unseen))
    return {"names": len(learned), "unseen": len(unseen), "nats": total.item() / count}


class Classifier(nn.Module):
    """What reads a text, and a linear layer on the mean of its vectors."""

    def __init__(self, reader, classes):
        self.reader, self.head = reader, nn.Linear(SIZE["width"], classes)

    def forward(self, ids):
        """Return the logits (N, classes) of texts (N, L)."""
        return self.head(mean_of(self.reader)(ids))

    def loss(self, ids, labels):
        """Return the cross-entropy with the labels (N,)."""
        return ops.cross_entropy(self(ids), labels)


class Questions:
    """TREC, and how a network is pretrained and fine-tuned on it."""

    def __init__(self, name):
        self.data, self.name = load("trec", tokens="words"), name
        self.parts = {part: started(getattr(self.data, part).inputs) for part in texts}
        self.longest = max(rows.shape[1] for rows in self.parts.values())

    def new(self, seed):
        """Return a model of questions, and what of it reads."""
        minae.manual_seed(seed)
        V = len(self.data.kind.vocabulary)
        if self.name == "masked":
            model = models.MaskedLanguageModel(V, longest=self.longest, **SIZE)
            return model, model.encoder
        model = OfRows(models.GPT(V, context=self.longest, dropout=0.1, **SIZE))
        return model, model.gpt.transformer

    def tuned(self, state, n, seed, rate, part):
        """Return the % of a part that is right after training on n labels, from a state."""
        model, reads = self.new(seed)
        if state:
            model.load_state_dict(state)
        classifier = Classifier(reads, len(self.data.kind.classes))
        labels = self.data.train.labels
        rows = np.random.default_rng(seed).permutation(len(labels))[: n or None]

        def batch(rng):
            some = rng.choice(rows, 32)
            return self.parts["train"][some], labels[some]

        done(learn(classifier, batch, FINE_TUNING[n], rate))
        with no_grad():
            found = classifier(Tensor(self.parts[part])).numpy().argmax(axis=1)
        return 100 * float((found == getattr(self.data, part).labels).mean())

    def judged(self, state, n):
        """Return the rate that is best in validation, and the % right for each draw."""
        seeds = {"validation": (100, 101) if n else (100,), "test": range(5 if n else 3)}

        def over(part, rate):
            return [self.tuned(state, n, seed, rate, part) for seed in seeds[part]]

        rate = max((3e-4, 1e-3, 3e-3), key=lambda rate: np.mean(over("validation", rate)))
        return rate, over("test", rate)


def questions():
    """Return accuracies on TREC by network, number of labels and draw, and the rates chosen."""
    accuracy, rate = {}, {}
    for name in ("masked", "GPT"):
        trec = Questions(name)
        model, _ = trec.new(seed=0)
        done(learn(model, partial(rows_batch, trec.parts["train"]), PRETRAINING, 1e-3))
        for start, state in ((f"{name}, random start", None), (name, model.state_dict())):
            for n in FINE_TUNING:
                count = str(n or len(trec.data.train))
                rate[f"{start}, {count} labels"], found = trec.judged(state, n)
                accuracy.setdefault(start, {})[count] = found
    return {"accuracy": accuracy, "rates": rate}


def measured():
    """Return all that --full measures. Raises InputError if a dataset is not available."""
    parts = {"shakespeare": shakespeare(), "names": first_names(), "trec": questions()}
    command = "python lessons/14_bridge/lesson.py --full"
    return {"command": command, "seconds": time.perf_counter() - STARTED} | parts


recorded = resources.files("minae.lessons") / "14_bridge" / "results.json"
full = json.loads(recorded.read_text(encoding="utf-8"))
if FULL:
    try:
        full = measured()
        write_json(OUT / "results.json", full)
        print(f"written: {OUT / 'results.json'}")
    except InputError as reason:  # a dataset is not available
        print(reason)
else:
    print("--full measures these, and downloads the texts when first asked for")
print(f"by {full['command']} in {full['seconds']:.0f} s:")
by_order = dict(enumerate(full["shakespeare"]["n-grams"], 1))
best = min(by_order, key=by_order.get)
runs = {name: full["shakespeare"][name] for name in RECIPES}
rows = [(f"{n}-gram", "", "", by_order[n]) for n in (2, 3, 4, best)]
rows += [(name, f"{run[-1][0]:,}", f"{run[-1][1]:.0f}", run[-1][2]) for name, run in runs.items()]
header = ("tiny Shakespeare", "steps", "seconds", "nats a character")
print_table(header, rows, "all of the validation text")
steps, _, nats = zip(*runs["for longer"], strict=True)
lines = {"GPT": (steps, nats)} | beside_counting(by_order, (2, 3, 4, best), steps)
title = "Tiny Shakespeare: when a GPT passes counting"
keep(plots.lines(lines, "steps", "nats a character", title, log_x=True), "shakespeare.png")
passed = [step for step, reached in zip(steps, nats, strict=True) if reached < by_order[best]]
print(f"it is better than counting from step {passed[0]:,} on")
names = full["names"]
print(f"names: {names['nats']:.3f} nats a letter of {names['unseen']:,} unseen ones")
found = {
    name: {count: np.array(values) for count, values in row.items()}
    for name, row in full["trec"]["accuracy"].items()
}
header = ("TREC", *(f"{int(count):,} labels" for count in found["GPT"]))
rows = [(name, *map(mean_and_error, row.values())) for name, row in found.items()]
print_table(header, rows, "% of test questions right: mean of draws ± standard error")
last = {name: run[-1][2] for name, run in runs.items()}
assert last["nanoGPT's recipe"] < 1.92
assert last["with a higher rate"] < last["nanoGPT's recipe"] - 0.05
assert last["for longer"] < by_order[best] - 0.1 < last["with a higher rate"] - 0.1
assert names["nats"] < 2.05
gain = {
    (name, count): (values - found[f"{name}, random start"][count]).mean()
    for name in ("masked", "GPT")
    for count, values in found[name].items()
}
assert max(gain["masked", "100"], gain["GPT", "100"]) < 1
assert gain["GPT", "500"] > 1

# %% [markdown]
# nanoGPT says 1.88 of its recipe, which is an estimate from 20 batches; here all of the validation
# text counts. With three times the rate, the same steps lead further. Neither is enough to pass
# counting, and more steps are. Counting is done after a second and gets no better: it has read all
# that there is, and a longer context is mostly one that it has not seen. A GPT goes on learning
# what contexts have in common. `shakespeare.png` shows where the lines cross.
#
# Of the names, makemore's transformer has 1.92 nats a letter. But in its list 2,539 names come
# twice, so that some of those that it is tested on are among those that it has learned. Here each
# name is there once.
#
# For the questions, compare each network with the same one from random weights: the difference is
# what reading without labels was worth. With 100 labels it was worth nothing, with 500 the GPT
# gains three points, and with all labels both gain one, as much as the draws differ. Five thousand
# questions are too few to learn a language from; what made BERT and GPT useful is that they read
# far more than anybody has labelled. In lesson 12, with the same draws, tf-idf has 60, 75 and 87 %,
# and pretraining gains an autoencoder of sequences 13 points with 100 labels, from a poor start:
# attention from random weights is ahead of both there.
#
# ## Exercises
#
# They are in `exercises.py`, in plain NumPy and plain Python. 14.1 is causal attention and its way
# back, 14.2 cuts batches from a long text, 14.3 merges a pair of tokens, 14.4 draws the next token,
# 14.5 attends with a cache, and 14.6 masks words as BERT does. Try your answers on this lesson's
# `ids["train"]`, `pieces` and `logits`. Then train a GPT on a text of your own:
# `minae train gpt --data my.txt`, and let it write: `minae sample RUN --prompt "Once"`.
