"""What `python -m tests.bench` measures: all in one process and one run, so that figures can be compared as ratios.

measure      repeat something, and say how long it took: median and spread
handshakes   complete handshakes of the engine with itself, by suite and mode
openssl      the public-key operations alone, their share and that of hashes, and where the rest of the time goes
libbzrtp     the same handshakes by Debian's libbzrtp, through a small C program that is compiled here
media        what each media packet costs
scale        many sessions in one process, imports, and whether a handshake disturbs the sound beside it
loss         how often a handshake with fragments completes when fragments get lost, in virtual time
fleet        worker processes over one PostgreSQL, and phones that call them
results      the figures as data; report, chart and targets present them
"""
