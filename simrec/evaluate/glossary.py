"""What the words on the page of a report mean, for readers who do not measure search."""

GLOSSARY = {
    "Held out": (
        "An article that no encoder was trained on. Only these ask; they are those whose text has "
        "the lowest hash, the same every night."
    ),
    "Weak list": (
        "Its best recommendation scores less than one pair of random articles in a hundred."
    ),
    "MRR": (
        "Mean reciprocal rank: 1 if the one right answer is always first, ½ if it is always "
        "second. A candidate with the same score ranks before it."
    ),
    "P@10": "The share of the first ten that has the label of the query.",
    "nDCG@10": (
        "How high the relevant articles stand among the first ten, 1 if as high as can be. What "
        "nobody judged counts as irrelevant."
    ),
    "R@10": "The share of the relevant articles that is among the first ten.",
    "MAP": "The mean, over relevant articles, of the precision at the rank of each.",
    "Judged@10": "The share of the first ten that somebody has judged.",
    "Interval": (
        "Where the figure would lie for other queries of the same kind, 19 times of 20 "
        "(percentile bootstrap)."
    ),
    "p": (
        "How often chance alone would make such a difference (shifted paired bootstrap, "
        "two-sided), corrected for the number of measures against that scorer (Holm)."
    ),
    "Hubness": (
        "The skewness of how many lists an article is in: 0 if all are in as many, large where a "
        "few are in most."
    ),
    "Novelty": "The mean surprise of what is recommended: log2 of articles by lists.",
    "Intra-list similarity": "How alike two articles of one list are.",
    "Rank-biased overlap": (
        "How alike two lists are, where the first places count most (Webber et al. 2010, p .9)."
    ),
    "Recall": "The share of the true best that a search finds.",
}
