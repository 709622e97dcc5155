"""mpfluent: send data to mParticle's Events API with code that reads like a sentence."""

from .batch import Batch
from .commerce import *
from .errors import *
from .events import *
from .records import *
from .session import Session
from .verbs import EventVerbs
