"""What all kinds of data share: rules, cases, synthetic outputs, the runtime, parts of the catalogues. No domain of its own."""
