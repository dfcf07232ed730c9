-- Rules of baskets of any size (docs/baskets.md); basket_rules() itself is C++ (src/functions/basket_rules.cpp).

COMMENT ON FUNCTION analytics.basket_rules(double precision, double precision, integer, text, timestamptz, timestamptz) IS
'association rules of a store''s baskets in a range of time (null: all): whoever has the products of antecedent (sorted) has consequent, too. All rules of at least these supports and confidences (shares, 0..1) with up to max_length products, consequent included; found by FP-growth, the highest lift first.
antecedent_count, consequent_count, count: baskets with the antecedent, the consequent, both. support: count / N; confidence: count / antecedent_count; lift: 1 is independence; leverage: support less what independence has; conviction: infinite at confidence 1; zhang: -1..1, 0 is independence; p_value: Fisher''s exact test of one rule, one-sided.
Of an order with more than 100 products 100 count, chosen by a hash. 22023: an argument; 42501: not this store; 53200: needs more than analytics.work_mem';
