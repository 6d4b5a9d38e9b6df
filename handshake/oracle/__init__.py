"""The second opinion: what tshark says of a capture, through pyshark. The only room that knows either of them."""

from handshake.oracle.dissection import Dissection
from handshake.oracle.tool import Tshark, find_tshark

__all__ = ["Dissection", "Tshark", "find_tshark"]
