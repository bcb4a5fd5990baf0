"""Steps run in order, reused or resumed where they can be; what repeats come to; the registry's champion."""
