"""Millions of packets at once: the same judgement as packet by packet, where only counts and times are wanted.

Packets become arrays (`wire.columns`); `sift` finds those that can change a judgement; connections that went alike, to
the last such packet, are judged once, by the one state machine and the one set of rules (`verdicts`). What is not plain
goes packet by packet through `flow.table`, as ever.
"""
