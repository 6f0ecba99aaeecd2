"""What optimisers and schedules refuse."""

from numbers import Real


def is_number(value) -> bool:
    """Return whether a value is a real number and no bool."""
    return isinstance(value, Real) and not isinstance(value, bool)


def check_at_least_0(**numbers) -> None:
    """Raise ValueError unless all are numbers of at least 0."""
    for name, number in numbers.items():
        if not is_number(number) or not number >= 0:
            raise ValueError(f"{name} is a number of at least 0, not {number!r}")


def check_steps(**numbers) -> None:
    """Raise ValueError unless all are numbers above 0."""
    for name, number in numbers.items():
        if not is_number(number) or not number > 0:
            raise ValueError(f"{name} is a number of steps above 0, not {number!r}")
