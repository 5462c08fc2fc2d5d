"""What a set of images looks like and what a model says about it, as histograms that can be stored and compared.

Training stores the population of its eval split with the model; the gateway keeps one of what it is asked, and
`darkroom data from-requests` makes one of what it was asked. No TensorFlow here.
"""

from preprocessing.population.population import Population

__all__ = ["Population"]
