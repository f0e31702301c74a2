"""Groups of options, a module each: `add` puts them on a parser, and the rest says what they mean.

call        all that demo, call and listen share, as one CallSettings
algorithms, cache, network, output, peer, sound, verdict      the groups, for verbs that need some of them
addresses   HOST:PORT
parser      complaints
"""
