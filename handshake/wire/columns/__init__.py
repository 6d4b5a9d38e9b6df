"""Headers of a whole window at once, as arrays.

Plain is IPv4 without options or IPv6 without extension headers over Ethernet, Linux cooked headers, BSD loopback or
nothing at all, not in fragments, with TCP or UDP headers that were captured whole and whose lengths agree; TCP also in
VLANs. Offsets and widths are those of `wire.layout`.
"""
