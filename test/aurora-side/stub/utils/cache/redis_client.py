"""Stands for Aurora's Redis settings: no TLS."""


def get_redis_ssl_kwargs():
    return {}
