"""Attribution graphs: which feature of a transcoder brings about which on one prompt."""
