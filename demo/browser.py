#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""browser.py URL: the person at the browser, scripted. Opens the address and follows every redirect."""

import sys
import urllib.request

# No proxy, whatever the environment says: everything here is on loopback.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
with opener.open(sys.argv[1], timeout=10) as page:
    page.read()
