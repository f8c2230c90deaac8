"""Search algorithms: they ask for designs and are told how good they are; they never evaluate."""

from accelsim.search.algorithms.base import ALGORITHMS, Algorithm, Told, make_algorithm
from accelsim.search.algorithms.grid import Grid
from accelsim.search.algorithms.nsga2 import Nsga2
from accelsim.search.algorithms.random import RandomSearch

__all__ = ["ALGORITHMS", "Algorithm", "Grid", "Nsga2", "RandomSearch", "Told", "make_algorithm"]
