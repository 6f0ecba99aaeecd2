"""Taking turns, so that a drift in the machine's speed affects all alike."""

from collections.abc import Callable, Sequence


def in_turns(
    names: Sequence[str], rounds: int, take_turn: Callable[[str], float]
) -> dict[str, list[float]]:
    """Return what take_turn(name) returned in each round, by name.

    Another name begins each round, so that none always follows the same other.
    """
    times: dict[str, list[float]] = {name: [] for name in names}
    for i in range(rounds if names else 0):
        first = i % len(names)
        for name in [*names[first:], *names[:first]]:
            times[name].append(take_turn(name))
    return times
