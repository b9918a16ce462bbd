"""The receiver with a short lock, so that the tests can wait until the lock expires."""

import logging

import receiver

receiver.LOCK_SECONDS = 3
receiver.LOCK_EXTENSION_SECONDS = 0.3
logging.basicConfig(level=logging.INFO)
app = receiver.app
