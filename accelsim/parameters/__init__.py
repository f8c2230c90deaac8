"""Parameter, domain and space: the one notation that networks, hardware and studies share.

A parameter is a default and a domain. A template with parameters *is* its design space.
"""

from accelsim.parameters.domains import Choices, Domain, Point, Range, Value
from accelsim.parameters.parameter import Condition, Parameter
from accelsim.parameters.space import Space
from accelsim.parameters.table import Points, is_numeric, table_of_points

__all__ = [
    "Choices",
    "Condition",
    "Domain",
    "Parameter",
    "Point",
    "Points",
    "Range",
    "Space",
    "Value",
    "is_numeric",
    "table_of_points",
]
