//! Ingress: listeners, the stage list, routes, proxying.
