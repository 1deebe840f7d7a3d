"""Target `android`: the browser page in a phone's Chrome, and LiteRT's library on its CPU, over the genuine adb."""
