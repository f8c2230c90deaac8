"""Search: objectives and constraints, ask / tell algorithms behind a registry, accuracy estimators, Pareto sets."""
