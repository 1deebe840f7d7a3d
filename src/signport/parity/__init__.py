"""Whether what ships answers like what was trained, on each kind of machine that it ships to.

`signport.parity.check.parity` is the entry. A target is one module with a `TARGET` and one line in
`signport.parity.targets`; it takes a `Job` and hands back `RuntimeAnswers`, and judges nothing itself.
"""
