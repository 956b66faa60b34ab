"""An implant's agent: checks in over TLS with its server again and again, with a POST of random bytes, and says when on standard output.

    agent.py NAME PERIOD_S JITTER    the sleep is drawn evenly from PERIOD_S ± JITTER (a share of it)
"""

import http.client
import os
import random
import ssl
import sys
import time

name, period_s, jitter = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
# Implants pin their own certificate, or look at none.
trusts_all = ssl._create_unverified_context()
draw = random.Random(5)
while True:
    connection = http.client.HTTPSConnection(name, timeout=10, context=trusts_all)
    print(time.time(), flush=True)
    connection.request("POST", "/task", body=os.urandom(draw.randint(120, 260)))
    connection.getresponse().read()
    connection.close()
    time.sleep(period_s * draw.uniform(1 - jitter, 1 + jitter))
