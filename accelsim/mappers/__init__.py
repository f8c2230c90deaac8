"""Mappers that search the space of loop nests of an op: the exact one proves that there is no better one."""
