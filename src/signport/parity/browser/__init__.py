"""Target `browser`: a page of ours in an installed Chrome, Chromium or Edge, and the server that it talks to."""
