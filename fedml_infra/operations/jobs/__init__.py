"""Jobs of the REST service: runs of the engine in processes of their own, whose truth is a row of the store.

    worker --(request, beats)--> supervise --(request)--> run --> the engine
      ^                                                    |
      +---------------(progress, ending)-------------------+

Whoever dies takes all below it along: each is killed with its parent, and `supervise` ends a run whose worker is frozen
before the row's lease is over, so that no two runs of a stack are ever under way.
"""
