"""Two opinions side by side, without I/O: ours and tshark's on the same capture.

`handshake crosscheck FILE…` holds our reading of captures against the one of tshark, which pyshark drives. Every frame
is compared first: whether it carries TCP, and each header field. Then every stream: who belongs together, how the
opening ended, what was sent again, which options were offered, how long the round trip took. tshark judges little by
itself, so its side of a judgement is derived from the numbers that it dissected, by rules of a few lines that owe
nothing to our state machine.

A difference is one of three things:

- **trap**: tshark is known to mislead here. The table below says why, and where that is written. A trap explains a
  difference only where the facts that make the trap are in the capture, and none knows a capture by name.
- **ours-wrong**: both read the same bytes of a whole frame, or one has a stream that the other has not, and no trap
  explains it. Please report it.
- **undecided**: the judgements differ, or the bytes were cut, and no trap explains it.

A stream of tshark and a handshake of ours are the same if they begin with the same frame, or else have the same
endpoints and start nearest to each other. What cannot be read by one of the two, or by both, is said for each file and
compared no further. Where both stop early, in a cut file, what was before the cut is compared.
"""
