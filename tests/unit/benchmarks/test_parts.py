"""What is measured in turn becomes pairs."""

import pytest

from benchmarks.figures import Kind
from benchmarks.measurements import Taken
from benchmarks.parts import Measure, Part, Wanted
from benchmarks.world import LINDA

KIND = Kind("restart", "restart", "s", "lower", "a script")


class Order:
    """Writes down what was measured when: a measurement takes as long as there were before."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def of(self, name: str) -> Measure:
        async def measure() -> Taken:
            self.names.append(name)
            return Taken({"took": float(len(self.names))}, [float(len(self.names))])

        return measure


async def test_who_comes_first_changes_from_round_to_round(capsys: pytest.CaptureFixture[str]) -> None:
    """So that nobody always finds what the other has left."""
    order = Order()

    await Part({name: order.of(name) for name in (LINDA, "a", "b")}, []).run(3)

    assert order.names == [LINDA, "a", "b", "a", "b", LINDA, "b", LINDA, "a"]
    assert capsys.readouterr().out == "." * 9


async def test_the_values_of_a_round_are_a_pair() -> None:
    """Whatever the order within the round; what warms up is not counted."""
    order = Order()
    part = Part({name: order.of(name) for name in (LINDA, "a")}, [Wanted(KIND, "took", "a")], warm=True)

    await part.run(2)

    (figure,) = part.figures()
    assert (figure.ours, figure.theirs) == ([3, 6], [4, 5])
    assert part.singles() == {LINDA: [[3], [6]], "a": [[4], [5]]}
