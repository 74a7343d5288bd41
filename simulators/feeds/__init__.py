"""Servers shaped like those that give prices and weather."""

from simulators.feeds.epias import EpiasServer
from simulators.feeds.market import FileMarket, Market, ShippedMarket
from simulators.feeds.open_meteo import NO_ERROR, ForecastError, OpenMeteoServer
from simulators.feeds.served import Fault

__all__ = [
    "NO_ERROR",
    "EpiasServer",
    "Fault",
    "FileMarket",
    "ForecastError",
    "Market",
    "OpenMeteoServer",
    "ShippedMarket",
]
