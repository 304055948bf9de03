"""A small OceanBase cluster on this machine: server processes, their ports, folders and password.

Import `state` to read what runs (cheap), `cluster` to start and stop it.
"""
