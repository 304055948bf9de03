"""A workload as Kubernetes Jobs, for load that one machine cannot make.

Each job runs `distdiag workload start … --json --histogram` with its share of the clients; their reports are
summed into one stream. What the account needs in the namespace: create, list, get and delete on jobs.batch;
create, get, patch and delete on secrets; list and get on pods, get on pods/log. With list on events and on
secrets it also tells why a pod is not made, and removes a secret that a killed run left behind.
"""
