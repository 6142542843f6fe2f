"""Statistics: arrays in, numbers out.

Nothing here knows what an example, a metric or a model is, and nothing here imports evalkit outside this room.
Only numpy and the standard library are imported at the top of a file: scipy and statsmodels are imported inside the
functions that need them, so that a command that computes nothing starts fast.

Shared
    arrays                array types, and the law of row weights
    interval              the one shape of an interval
    normal                quantiles and tail of the standard normal
    search                roots of functions that fall
    kinds                 equal rows counted together
    groups                rows in groups: sums, design effect, for how many independent rows they count
    resample              the bootstrap as row weights, and the interval read off it

Intervals of shares and means
    proportion            one share: Wilson, Clopper and Pearson, what no event leaves possible
    mean                  a mean, and a ratio of sums, with groups or without
    tails                 what few rows do not show of a mean: stretching, and the least half-width
    square_and_add        a difference from the intervals of its two parts
    paired                everything of the paired 2x2 table in one import
    paired_difference     its difference of shares: Tango, Newcombe, Agresti and Min
    paired_ratio          its ratio of shares: Tang, Bonett and Price, Wald
    mcnemar_test          its tests of any difference
    paired_means          a number per row of two models: t tests, intervals of a ratio
    multiple              p-values adjusted for many tests

Answers
    f1                    macro-F1
    agreement             kappa and its like
    coincidence           two wrong answers that are the same, beside chance
    text                  how alike two texts are

Distributions and tokens
    distance              KL, JS, total variation, overlap; softmax
    tokens                two language models on the same text: the statistics of llama.cpp
    forced                where a student that reads its teacher's text would write something else

Confidence
    calibration           everything of this theme in one import
    proper_scores         Brier and NLL
    brier_decomposition   what a Brier score is made of
    binned_calibration    ECE and its debiased form
    calibration_bounds    bounds of a binned error where resampling shows too little
    ece_consistency       the ECE that an honest model shows by chance
    smooth_calibration    smECE
    other_calibration     other norms and bins, and the signed gap
    temperature           one temperature for all logits
    platt                 a logistic curve from a score to a probability
    discrimination        AUROC, AURC, over-confident errors
    risk_coverage         the risk-coverage curve and what is read off it

Handing over, and cost
    risk_control          a threshold with a promise
    deferral              what each threshold gives two answerers
    cost                  what they cost, save, and when that pays

Detectors of which people have checked a sample
    prediction_powered    a mean from few labels and many words of a detector (PPI++)
    detector              a share corrected by sensitivity and specificity

Times
    quantile              percentiles, and ratios of them
    hodges_lehmann        the typical ratio of two paired times
    positive_pairs        the check before a ratio of times
    early_stopping        how many requests a percentile takes (MLPerf)
    per_token             time per token after the first
    in_time               shares and percentiles of requests in a row, which fare alike
    sustained             whether a service kept up, and the largest rate at which it did

How many examples
    power_formulas        the field's closed forms, approximate
    exact_power           how often a gate passes, summed over tables
    planning              examples needed and margins that can be shown, by the exact power
    settling              about how many would settle what a run left open
"""
