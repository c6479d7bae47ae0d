"""Radiomics by the IBSI standard: features, processing, filters and the check against its reference."""
