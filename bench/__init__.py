"""Measurements, each beside its floor from the same run: this machine is noisy, ratios are not.

python -m bench           everything, writes var/bench.json
python -m bench --quick   the same figures from smaller loads, in under a minute
"""
