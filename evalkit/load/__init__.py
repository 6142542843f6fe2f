"""What a server does under load: requests that arrive whether or not earlier ones are answered.

    asked → line (is it there?) → levels (drive → measure) → record → console | markdown

`drive.py` sends and keeps the times, on the clock of whatever event loop it runs on; it knows no network. `line.py` is
the network: one request, one attempt. `measure.py` makes estimates of what was kept. Nothing here decides a verdict.
"""
