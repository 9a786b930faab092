module seqshost

go 1.26

require github.com/soypat/seqs v0.0.0-20260125140838-2c1c6b1bd69e
