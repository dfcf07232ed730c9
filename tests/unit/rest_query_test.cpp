// Query strings in PostgREST's dialect. What is expected stands in its documentation (docs/references/api/*.rst), in
// its tests (test/spec/Feature/**.hs) and in the examples of its parser that it runs as tests; each case names its
// source.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <variant>

#include "core/rest/parse_query.hpp"

namespace analytics::rest {
namespace {

Query read(std::string_view query, Reading reading = Reading::table) {
    auto result = parse_query(query, reading);
    if (const auto* failure = std::get_if<Failure>(&result)) {
        ADD_FAILURE() << query << ": " << failure->message << ": " << failure->details;
        return {};
    }
    return std::get<Query>(std::move(result));
}

Failure fault(std::string_view query, Reading reading = Reading::table) {
    auto result = parse_query(query, reading);
    if (const auto* failure = std::get_if<Failure>(&result)) {
        return *failure;
    }
    ADD_FAILURE() << query << " is understood";
    return {};
}

std::string details(std::string_view query) { return fault(query).details; }
std::string message(std::string_view query) { return fault(query).message; }

Filter filter(std::string_view query) {
    const Query read_query = read(query);
    if (read_query.conditions.size() != 1) {
        ADD_FAILURE() << query << " has " << read_query.conditions.size() << " conditions";
        return {};
    }
    return read_query.conditions[0].second.filter;
}

std::string printed(const Field& field) {
    std::string text = field.name;
    for (const JsonStep& step : field.path) {
        text += (step.as_text ? "->>" : "->") + (step.is_index ? "#" + step.key : step.key);
    }
    return text;
}

// clients: an item of Kind::relation has parentheses, a bare count() no name
std::string printed(const std::vector<SelectItem>& items) {
    static constexpr const char* kAggregates[] = {"", ".sum()", ".avg()", ".count()", ".max()", ".min()"};
    static constexpr const char* kJoins[] = {"", "!left", "!inner"};
    std::string text;
    for (const SelectItem& item : items) {
        text += text.empty() ? "" : " | ";
        text += item.alias.empty() ? "" : item.alias + "=";
        if (item.kind == SelectItem::Kind::star) {
            text += "*";
        } else if (item.kind == SelectItem::Kind::column) {
            text += printed(item.field) + (item.cast.empty() ? "" : "::" + item.cast) +
                    kAggregates[static_cast<int>(item.aggregate)] +
                    (item.aggregate_cast.empty() ? "" : "::" + item.aggregate_cast);
        } else {
            text += (item.spread ? "..." : "") + item.relation + (item.hint.empty() ? "" : "!" + item.hint) +
                    kJoins[static_cast<int>(item.join)] + "(" + printed(item.items) + ")";
        }
    }
    return text;
}

std::string selected(std::string_view query) { return printed(read(query).select); }

std::string printed(const Condition& condition) {
    std::string text = condition.negated ? "not " : "";
    if (condition.kind == Condition::Kind::filter) {
        const Filter& filter = condition.filter;
        text += printed(filter.field) + (filter.aggregate == Aggregate::none ? "" : "()") +
                (filter.negated ? " not " : " ") + std::to_string(static_cast<int>(filter.op)) + " " + filter.value;
        for (const std::string& value : filter.values) {
            text += "[" + value + "]";
        }
        return text;
    }
    text += condition.kind == Condition::Kind::conjunction ? "and(" : "or(";
    for (const Condition& part : condition.parts) {
        text += (&part == &condition.parts[0] ? "" : " | ") + printed(part);
    }
    return text + ")";
}

std::string tree(std::string_view query) {
    const Query read_query = read(query);
    return read_query.conditions.empty() ? "" : printed(read_query.conditions[0].second);
}

using Texts = std::vector<std::string>;

// tables_views.rst: vertical filtering, renaming, casting; QuerySpec.hs
TEST(RestSelect, reads_columns) {
    EXPECT_EQ(selected("select=first_name,age"), "first_name | age");
    EXPECT_EQ(selected("select=fullName:full_name,birthDate:birth_date"), "fullName=full_name | birthDate=birth_date");
    EXPECT_EQ(selected("select=full_name,salary::text"), "full_name | salary::text");
    EXPECT_EQ(selected("select=myId:id::text"), "myId=id::text");
    EXPECT_EQ(selected("select=id, name, clients(*), tasks(id, name)"), "id | name | clients(*) | tasks(id | name)");
    EXPECT_EQ(selected("select=id,field-with_sep"), "id | field-with_sep");
    EXPECT_EQ(selected("select=a$num$"), "a$num$");
    EXPECT_EQ(selected("select=Just%20A%20Server%20Model"), "Just A Server Model");
    EXPECT_EQ(selected("select=Just+A+Server+Model"), "Just A Server Model");
    EXPECT_EQ(selected("select=%D9%85%D9%88%D8%A7%D8%B1%D8%AF"), "\xD9\x85\xD9\x88\xD8\xA7\xD8\xB1\xD8\xAF");
    EXPECT_EQ(selected("select=oid_array_col::_int4"), "oid_array_col::_int4");
    EXPECT_EQ(selected("select=%22:arr-%3Eow::cast%22,%22(inside,parens)%22,%22a.dotted.column%22,"
                       "%22%20%20col%20%20w%20%20space%20%20%22"),
              ":arr->ow::cast | (inside,parens) | a.dotted.column |   col  w  space  ");
    EXPECT_TRUE(read("select=").select_said);  // QuerySpec.hs: an empty select
    EXPECT_TRUE(read("select=").select.empty());
    EXPECT_FALSE(read("id=eq.1").select_said);
}

// JsonOperatorSpec.hs, and the examples of pJsonPath
TEST(RestSelect, reads_paths_into_json) {
    EXPECT_EQ(selected("select=settings->foo->>bar"), "settings->foo->>bar");
    EXPECT_EQ(selected("select=myInt:settings->foo->>int::integer"), "myInt=settings->foo->>int::integer");
    EXPECT_EQ(selected("select=data->!@%23$%^%26*_d->>!@%23$%^%26*_e::integer"),
              "data->!@#$%^&*_d->>!@#$%^&*_e::integer");
    EXPECT_EQ(selected("select=idx0:data->>0::int,idx1:data->>1::int"), "idx0=data->>#0::int | idx1=data->>#1::int");
    EXPECT_EQ(selected("select=data->0->0xy1->1->23-xy-45->1->xy-6->>0::int"),
              "data->#0->0xy1->#1->23-xy-45->#1->xy-6->>#0::int");
    EXPECT_EQ(selected("select=data->-1->>-3"), "data->#-1->>#-3");
}

// aggregate_functions.rst; AggregateFunctionsSpec.hs
TEST(RestSelect, reads_aggregates) {
    EXPECT_EQ(selected("select=count()"), ".count()");
    EXPECT_EQ(selected("select=cnt:count()"), "cnt=.count()");
    EXPECT_EQ(selected("select=count()::text"), ".count()::text");
    EXPECT_EQ(selected("select=count"), "count");
    EXPECT_EQ(selected("select=invoice_total.sum(),invoice_total.max(),invoice_total.min(),project_id"),
              "invoice_total.sum() | invoice_total.max() | invoice_total.min() | project_id");
    EXPECT_EQ(selected("select=total_charged:invoice_total.sum()::text"), "total_charged=invoice_total.sum()::text");
    EXPECT_EQ(selected("select=s:jsonb_col->>key::integer.sum()::text"), "s=jsonb_col->>key::integer.sum()::text");
    EXPECT_EQ(selected("select=name,projects(count)'"), "name | projects(count)");  // the quote is not looked at
    EXPECT_EQ(selected("select=name,project_invoices(invoice_total.avg(),invoice_total.count())"),
              "name | project_invoices(invoice_total.avg() | invoice_total.count())");
}

// resource_embedding.rst; EmbedDisambiguationSpec.hs, EmbedInnerJoinSpec.hs, SpreadQueriesSpec.hs; the examples of
// pRelationSelect and pFieldForest
TEST(RestSelect, reads_embedded_relations) {
    EXPECT_EQ(selected("select=*,client(*,nested(*))"), "* | client(* | nested(*))");
    EXPECT_EQ(selected("select=alias:rel!inner!hint(*)"), "alias=rel!hint!inner(*)");
    EXPECT_EQ(selected("select=rel!hint!inner(*)"), "rel!hint!inner(*)");
    EXPECT_EQ(selected("select=rel!left(*)"), "rel!left(*)");
    EXPECT_EQ(selected("select=id,name,clients()"), "id | name | clients()");
    EXPECT_EQ(selected("select=id,name,clients!inner()"), "id | name | clients!inner()");
    EXPECT_EQ(selected("select=*,...client(*),other(*)"), "* | ...client(*) | other(*)");
    EXPECT_EQ(selected("select=name,child_entity:child_entities(name,...entities(parent_name:name))"),
              "name | child_entity=child_entities(name | ...entities(parent_name=name))");
    EXPECT_EQ(selected("select=supervisor_id,...processes(count())"), "supervisor_id | ...processes(.count())");
}

// The examples of pFieldForest, pFieldSelect and pJsonPath; JsonOperatorSpec.hs
TEST(RestSelect, tells_what_it_expected) {
    EXPECT_EQ(message("select=id,clients(name[])"),
              "\"failed to parse select parameter (id,clients(name[]))\" (line 1, column 16)");
    EXPECT_EQ(details("select=id,clients(name[])"),
              R"x(unexpected '[' expecting letter, digit, "-", "->>", "->", "::", ".", ")", "," or end of input)x");
    EXPECT_EQ(message("select=data->>-78xy"),
              "\"failed to parse select parameter (data->>-78xy)\" (line 1, column 11)");
    EXPECT_EQ(details("select=data->>-78xy"),
              R"(unexpected 'x' expecting digit, "->", "::", ".", "," or end of input)");
    EXPECT_EQ(details("select=name!hint"),
              R"x(unexpected '!' expecting letter, digit, "-", "->>", "->", "::", ".", ")", "," or end of input)x");
    EXPECT_EQ(details("select=name::"), "unexpected end of input expecting letter or digit");
    EXPECT_EQ(message("select=data->(!@%23$%^%26*_d->>!@%23$%^%26*_e::integer"),
              "\"failed to parse select parameter (data->(!@#$%^&*_d->>!@#$%^&*_e::integer)\" (line 1, column 7)");
    EXPECT_EQ(details("select=data->(!@%23$%^%26*_d->>!@%23$%^%26*_e::integer"),
              R"(unexpected "(" expecting "-", digit or any non reserved character different from: .,>())");
    EXPECT_EQ(message("select=data->>--34"), "\"failed to parse select parameter (data->>--34)\" (line 1, column 9)");
    EXPECT_EQ(details("select=data->>--34"), R"(unexpected "-" expecting digit)");
    EXPECT_EQ(details("select=data->>-xy-4"), R"(unexpected "x" expecting digit)");
    EXPECT_EQ(fault("select=data->>--34").status, 400);
    EXPECT_EQ(fault("select=data->>--34").code, "PGRST100");
}

// tables_views.rst: horizontal filtering; QuerySpec.hs, AndOrParamsSpec.hs
TEST(RestFilter, reads_operators) {
    EXPECT_EQ(filter("id=eq.5").value, "5");
    EXPECT_EQ(filter("id=eq.5").op, Operator::eq);
    EXPECT_EQ(filter("id=not.lt.14").op, Operator::lt);
    EXPECT_TRUE(filter("id=not.lt.14").negated);
    EXPECT_EQ(filter("a=gte.1").op, Operator::gte);
    EXPECT_EQ(filter("a=gt.1").op, Operator::gt);
    EXPECT_EQ(filter("a=lte.1").op, Operator::lte);
    EXPECT_EQ(filter("a=neq.1").op, Operator::neq);
    EXPECT_EQ(filter("k=like.*YY*").value, "*YY*");
    EXPECT_EQ(filter("k=ilike.xy*").op, Operator::ilike);
    EXPECT_EQ(filter("k=match.yx$").op, Operator::match);
    EXPECT_EQ(filter("k=imatch..*YY.*").value, ".*YY.*");
    EXPECT_EQ(filter("a=isdistinct.2").op, Operator::isdistinct);
    EXPECT_EQ(filter("arr=cs.{1,2}").value, "{1,2}");
    EXPECT_EQ(filter("arr=cd.{1}").op, Operator::cd);
    EXPECT_EQ(filter("range=ov.[0,4]").op, Operator::ov);
    EXPECT_EQ(filter("range=sl.[9,10]").op, Operator::sl);
    EXPECT_EQ(filter("range=sr.[3,4]").op, Operator::sr);
    EXPECT_EQ(filter("range=nxr.[4,7]").op, Operator::nxr);
    EXPECT_EQ(filter("range=nxl.[4,7]").op, Operator::nxl);
    EXPECT_EQ(filter("range=adj.(3,10]").value, "(3,10]");
    EXPECT_EQ(filter("filename=eq.autoexec.bat").value, "autoexec.bat");
    EXPECT_EQ(filter("name=eq.").value, "");
}

// QuerySpec.hs: is; in any case, and nothing else
TEST(RestFilter, reads_is) {
    EXPECT_EQ(filter("a=is.null").value, "null");
    EXPECT_EQ(filter("a=is.NoT_NuLl").value, "not_null");
    EXPECT_EQ(filter("a=is.TRUE").value, "true");
    EXPECT_EQ(filter("a=is.FAlSe").value, "false");
    EXPECT_EQ(filter("a=is.UnKnOwN").value, "unknown");
    EXPECT_TRUE(filter("a=not.is.not_null").negated);
    EXPECT_EQ(fault("done=is.nil").status, 400);
    EXPECT_EQ(fault("done=is.ok").status, 400);
}

// QuerySpec.hs: values with commas, quotes and backslashes; empty lists
TEST(RestFilter, reads_lists) {
    EXPECT_EQ(filter("id=in.(1,3,5)").values, (Texts{"1", "3", "5"}));
    EXPECT_EQ(filter("name=in.(David White,%22Hebdon, John%22)").values, (Texts{"David White", "Hebdon, John"}));
    EXPECT_EQ(filter("name=in.(%22Double O Seven(007)%22)").values, (Texts{"Double O Seven(007)"}));
    EXPECT_EQ(filter(R"(name=in.("Double\"Quote\"McGraw\""))").values, (Texts{R"(Double"Quote"McGraw")"}));
    EXPECT_EQ(filter(R"(name=in.("/\\Slash/\\Beast/\\"))").values, (Texts{R"(/\Slash/\Beast/\)"}));
    EXPECT_EQ(filter(R"(name=in.("D\a\vid W\h\ite"))").values, (Texts{"David White"}));
    EXPECT_EQ(filter(R"(name=in.("))").values, (Texts{"\""}));
    EXPECT_EQ(filter(R"(name=in.(Double"Quote"McGraw"))").values, (Texts{R"(Double"Quote"McGraw")"}));
    EXPECT_EQ(filter(R"(name=in.(/\Slash/\Beast/\))").values, (Texts{R"(/\Slash/\Beast/\)"}));
    EXPECT_EQ(filter("id=in.( ,3,4)").values, (Texts{"", "3", "4"}));
    EXPECT_TRUE(filter("id=in.()").values.empty());
    EXPECT_TRUE(filter("id=in.(    )").values.empty());
}

// QuerySpec.hs: full-text search, any and all; the examples of pOpExpr
TEST(RestFilter, reads_languages_and_quantifiers) {
    EXPECT_EQ(filter("t=fts.fun%26!possible").value, "fun&!possible");
    EXPECT_EQ(filter("t=plfts(french).amusant%20impossible").language, "french");
    EXPECT_EQ(filter("t=not.phfts(english).The%20Fat%20Cats").op, Operator::phfts);
    EXPECT_EQ(filter("t=wfts.fun%20and%20-possible").op, Operator::wfts);
    EXPECT_EQ(filter("id=eq(any).{3,4,5}").quantifier, Quantifier::any);
    EXPECT_EQ(filter("body=ilike(all).{%25plan%25,%25brain%25}").quantifier, Quantifier::all);
    EXPECT_EQ(filter("body=ilike(all).{%25plan%25,%25brain%25}").value, "{%plan%,%brain%}");
    EXPECT_EQ(filter("id=gte.5").quantifier, Quantifier::none);
    EXPECT_EQ(details("a=fts().value"), "unexpected \")\" expecting operator (eq, gt, ...)");
    EXPECT_EQ(message("a=fts().value"), "\"failed to parse filter (fts().value)\" (line 1, column 5)");
    EXPECT_EQ(message("a=eq().value"), "\"failed to parse filter (eq().value)\" (line 1, column 4)");
    EXPECT_EQ(details("a=is().value"), "unexpected \"(\" expecting operator (eq, gt, ...)");
    EXPECT_EQ(message("a=in().value"), "\"failed to parse filter (in().value)\" (line 1, column 3)");
}

// QuerySpec.hs, JsonOperatorSpec.hs; the example of parse
TEST(RestFilter, reads_names_and_paths) {
    const Query query = read("projects.tasks.name=like.Design*&data->foo->>bar=eq.baz&%22a.b%22=eq.1");
    ASSERT_EQ(query.conditions.size(), 3U);
    EXPECT_EQ(query.conditions[0].first, (Path{"projects", "tasks"}));
    EXPECT_EQ(query.conditions[0].second.filter.field.name, "name");
    EXPECT_EQ(printed(query.conditions[1].second.filter.field), "data->foo->>bar");
    EXPECT_EQ(query.conditions[2].second.filter.field.name, "a.b");
    EXPECT_EQ(filter("%22*id*%22=eq.1").field.name, "*id*");
}

// QuerySpec.hs; the examples of parse and pRequestFilter
TEST(RestFilter, tells_what_it_expected) {
    EXPECT_EQ(message("id=0"), "\"failed to parse filter (0)\" (line 1, column 1)");
    EXPECT_EQ(details("id=0"), R"(unexpected "0" expecting "not" or operator (eq, gt, ...))");
    EXPECT_EQ(message("a.b=noop.0"), "\"failed to parse filter (noop.0)\" (line 1, column 1)");
    EXPECT_EQ(details("a.b=noop.0"), R"(unexpected "o" expecting "not" or operator (eq, gt, ...))");
    EXPECT_EQ(details("id=val"), R"(unexpected "v" expecting "not" or operator (eq, gt, ...))");
}

// functions.rst: GET; the examples of pRequestFilter
TEST(RestFilter, leaves_arguments_to_functions) {
    const Query query = read("a=1&b=val&id=eq.3&c=&select=id", Reading::function);
    EXPECT_EQ(query.parameters,
              (std::vector<std::pair<std::string, std::string>>{{"a", "1"}, {"b", "val"}, {"c", ""}}));
    ASSERT_EQ(query.conditions.size(), 1U);
    EXPECT_EQ(query.conditions[0].second.filter.field.name, "id");
    EXPECT_EQ(fault("a=in.5", Reading::function).code, "PGRST100");  // it begins as a filter
}

// AndOrParamsSpec.hs
TEST(RestTree, reads_conditions) {
    EXPECT_EQ(tree("or=(id.eq.1,id.eq.2)"), "or(id 0 1 | id 0 2)");
    EXPECT_EQ(tree("not.or=(id.eq.1,id.eq.2)"), "not or(id 0 1 | id 0 2)");
    EXPECT_EQ(tree("or=(not.and(name.eq.entity 2,id.eq.2),not.and(name.eq.entity 1,id.eq.1))"),
              "or(not and(name 0 entity 2 | id 0 2) | not and(name 0 entity 1 | id 0 1))");
    EXPECT_EQ(tree("and=(id.eq.1,id.neq.2))"), "and(id 0 1 | id 1 2)");  // what follows is not looked at
    EXPECT_EQ(tree("or=(id.in.(1,2),id.in.(3,4))"), "or(id 10 [1][2] | id 10 [3][4])");
    EXPECT_EQ(tree("and=(arr.not.cs.{1,2,3},id.not.eq.2)"), "and(arr not 17 {1,2,3} | id not 0 2)");
    EXPECT_EQ(tree(R"x(or=(name.eq."(grandchild,entity,4)",name.like."*ity,4*"))x"),
              "or(name 0 (grandchild,entity,4) | name 6 *ity,4*)");
    EXPECT_EQ(tree(R"x(or=(name.like."*ity,4*",name.ilike."*ITY,5)"))x"), "or(name 6 *ity,4* | name 7 *ITY,5))");
    EXPECT_EQ(tree("and=( and ( id.in.( 1, 2, 3 ) , id.eq.3 ) , or ( id.eq.2 , id.eq.3 ) )"),
              "and(and(id 10 [1][ 2][ 3 ] | id 0 3 ) | or(id 0 2  | id 0 3 ))");
    EXPECT_EQ(tree("or=(id.eq.1)"), "or(id 0 1)");
    EXPECT_EQ(tree("or=(and_starting_col.eq.smth, or_starting_col.eq.smth)"),
              "or(and_starting_col 0 smth | or_starting_col 0 smth)");
    EXPECT_EQ(tree("or=(jsonb_col->a->>b.eq.foo, jsonb_col->>b.eq.bar)"),
              "or(jsonb_col->a->>b 0 foo | jsonb_col->>b 0 bar)");
    EXPECT_EQ(tree("or=(t.plfts(german).Art%20Spass, t.not.fts(english).impossible)"),
              "or(t 14 Art Spass | t not 13 impossible)");
    const Query query = read("child_entities.grandchild_entities.or=(id.eq.1,id.eq.2)&a.not.and=(b.is.null)");
    ASSERT_EQ(query.conditions.size(), 2U);
    EXPECT_EQ(query.conditions[0].first, (Path{"child_entities", "grandchild_entities"}));
    EXPECT_EQ(query.conditions[1].first, (Path{"a"}));
    EXPECT_TRUE(query.conditions[1].second.negated);
    // in the order sent
    const Query mixed = read("a=eq.1&or=(b.eq.2)&c=eq.3");
    ASSERT_EQ(mixed.conditions.size(), 3U);
    EXPECT_EQ(mixed.conditions[0].second.filter.field.name, "a");
    EXPECT_EQ(mixed.conditions[2].second.filter.field.name, "c");
}

// AndOrParamsSpec.hs; the examples of pLogicTree, where the parameter's name is the tree's first word
TEST(RestTree, tells_what_it_expected) {
    EXPECT_EQ(message("or=()"), "\"failed to parse logic tree (())\" (line 1, column 4)");
    EXPECT_EQ(details("or=()"),
              "unexpected \")\" expecting field name (* or [a..z0..9_$]), negation operator (not) or logic operator "
              "(and, or)");
    EXPECT_EQ(message("or=(id.in.1,2,id.eq.3)"),
              "\"failed to parse logic tree ((id.in.1,2,id.eq.3))\" (line 1, column 10)");
    EXPECT_EQ(details("or=(id.in.1,2,id.eq.3)"), R"(unexpected "1" expecting "(")");
    EXPECT_EQ(details("or=)("), R"x(unexpected ")" expecting "(")x");
    EXPECT_EQ(message("and=(ord(id.eq.1,id.eq.1),id.eq.2)"),
              "\"failed to parse logic tree ((ord(id.eq.1,id.eq.1),id.eq.2))\" (line 1, column 7)");
    EXPECT_EQ(details("and=(ord(id.eq.1,id.eq.1),id.eq.2)"), R"(unexpected "d" expecting "(")");
    EXPECT_EQ(details("or=(id.eq.1,not.xor(id.eq.2,id.eq.3))"), R"(unexpected "x" expecting logic operator (and, or))");
}

// tables_views.rst: ordering; QuerySpec.hs, JsonOperatorSpec.hs, RelatedQueriesSpec.hs
TEST(RestOrder, reads_terms) {
    const Query query = read(
        "order=client_id.desc.nullslast,id.desc,a.nullsfirst,data->foo->>bar.asc,name&"
        "tasks.users.order=clients(json_col->key).desc.nullsfirst");
    ASSERT_EQ(query.orders.size(), 2U);
    const auto& [path, terms] = query.orders[0];
    EXPECT_TRUE(path.empty());
    ASSERT_EQ(terms.size(), 5U);
    EXPECT_EQ(terms[0].field.name, "client_id");
    EXPECT_TRUE(terms[0].descending);
    EXPECT_EQ(terms[0].nulls, Nulls::last);
    EXPECT_TRUE(terms[1].descending);
    EXPECT_EQ(terms[1].nulls, Nulls::unsaid);
    EXPECT_FALSE(terms[2].direction_said);
    EXPECT_EQ(terms[2].nulls, Nulls::first);
    EXPECT_EQ(printed(terms[3].field), "data->foo->>bar");
    EXPECT_TRUE(terms[3].direction_said);
    EXPECT_FALSE(terms[3].descending);
    EXPECT_FALSE(terms[4].direction_said);
    EXPECT_EQ(query.orders[1].first, (Path{"tasks", "users"}));
    EXPECT_EQ(query.orders[1].second[0].relation, "clients");
    EXPECT_EQ(printed(query.orders[1].second[0].field), "json_col->key");
    EXPECT_EQ(query.orders[1].second[0].nulls, Nulls::first);
}

// QuerySpec.hs; the examples of pOrder
TEST(RestOrder, tells_what_it_expected) {
    EXPECT_EQ(message("order=id.asc.nullslasttt"),
              "\"failed to parse order (id.asc.nullslasttt)\" (line 1, column 17)");
    EXPECT_EQ(details("order=id.asc.nullslasttt"), R"(unexpected 't' expecting "," or end of input)");
    EXPECT_EQ(message("order=clients(name,id)"), "\"failed to parse order (clients(name,id))\" (line 1, column 8)");
    EXPECT_EQ(details("order=clients(name,id)"),
              R"(unexpected '(' expecting letter, digit, "-", "->>", "->", delimiter (.), "," or end of input)");
    EXPECT_EQ(message("order=id.ac"), "\"failed to parse order (id.ac)\" (line 1, column 4)");
    EXPECT_EQ(details("order=id.ac"), R"(unexpected "c" expecting "asc", "desc", "nullsfirst" or "nullslast")");
    EXPECT_EQ(details("order=id.descc"), R"(unexpected 'c' expecting delimiter (.), "," or end of input)");
    EXPECT_EQ(message("order=id.nullslasttt"), "\"failed to parse order (id.nullslasttt)\" (line 1, column 13)");
    EXPECT_EQ(details("order=id.asc.nlsfst"), R"(unexpected "l" expecting "nullsfirst" or "nullslast")");
    EXPECT_EQ(details("order=id.asc.smth34"), R"(unexpected "s" expecting "nullsfirst" or "nullslast")");
}

// The extension: aggregates to order and to keep groups by.
TEST(RestOrder, takes_aggregates) {
    const Query query = read("order=amount.sum().desc,count(),data->>a.max().nullsfirst");
    const auto& terms = query.orders[0].second;
    ASSERT_EQ(terms.size(), 3U);
    EXPECT_EQ(terms[0].aggregate, Aggregate::sum);
    EXPECT_TRUE(terms[0].descending);
    EXPECT_EQ(terms[1].aggregate, Aggregate::count);
    EXPECT_EQ(terms[1].field.name, "");
    EXPECT_EQ(terms[2].aggregate, Aggregate::max);
    EXPECT_EQ(terms[2].nulls, Nulls::first);
}

TEST(RestHaving, reads_conditions_on_aggregates) {
    const Query query =
        read("having=amount.sum().gt.10,count().gte.2&clients.having=or(a.max().lt.5,not.and(b.min().is.null))");
    ASSERT_EQ(query.having.size(), 3U);
    EXPECT_EQ(query.having[0].second.filter.aggregate, Aggregate::sum);
    EXPECT_EQ(query.having[0].second.filter.value, "10");
    EXPECT_EQ(query.having[1].second.filter.aggregate, Aggregate::count);
    EXPECT_EQ(query.having[1].second.filter.field.name, "");
    EXPECT_EQ(query.having[2].first, (Path{"clients"}));
    EXPECT_EQ(printed(query.having[2].second), "or(a() 4 5 | not and(b() 11 null))");
    EXPECT_TRUE(query.conditions.empty());
    EXPECT_TRUE(query.parameters.empty());
    EXPECT_EQ(details("having=amount.gt.10"),
              "unexpected \".\" expecting letter, digit, \"-\", \"->>\", \"->\" or aggregate (sum(), avg(), count(), "
              "max(), min())");
    EXPECT_EQ(fault("having=count().gt.1)").code, "PGRST100");
    // A column and an argument may be called so, as PostgREST knows no such parameter.
    EXPECT_EQ(filter("having=eq.5").field.name, "having");
    EXPECT_EQ(read("having=5", Reading::function).parameters[0].second, "5");
}

// pagination_count.rst; RangeSpec.hs
TEST(RestLimits, are_read_by_path) {
    const Query query = read("limit=3&offset=2&projects.tasks.limit=1&projects.tasks.offset=4&other.offset=5");
    ASSERT_EQ(query.limits.size(), 3U);
    EXPECT_EQ(query.limits[0].second.limit, 3U);
    EXPECT_EQ(query.limits[0].second.offset, 2U);
    EXPECT_EQ(query.limits[1].first, (Path{"other"}));
    EXPECT_FALSE(query.limits[1].second.limit);
    EXPECT_EQ(query.limits[1].second.offset, 5U);
    EXPECT_EQ(query.limits[2].first, (Path{"projects", "tasks"}));
    EXPECT_EQ(query.limits[2].second.limit, 1U);
    EXPECT_EQ(query.limits[2].second.offset, 4U);
    EXPECT_EQ(read("offset=-4").limits[0].second.offset, 0U);
    EXPECT_EQ(read("limit=0").limits[0].second.limit, 0U);
    EXPECT_FALSE(read("limit=x").limits[0].second.limit);
    const Failure negative = fault("limit=-1");
    EXPECT_EQ(negative.status, 416);
    EXPECT_EQ(negative.code, "PGRST103");
    EXPECT_EQ(negative.message, "Requested range not satisfiable");
    EXPECT_EQ(negative.details, "Limit should be greater than or equal to zero.");
    EXPECT_EQ(read("limit=99999999999999999999").limits[0].second.limit, 9223372036854775807U);
}

// tables_views.rst: specifying columns, on conflict; InsertSpec.hs, UpsertSpec.hs
TEST(RestColumns, are_listed) {
    EXPECT_EQ(read("columns=source,publication_date,figure").columns, (Texts{"source", "publication_date", "figure"}));
    EXPECT_EQ(read("columns=id,id, name").columns, (Texts{"id", "name"}));
    EXPECT_EQ(read("on_conflict=name,id").on_conflict, (Texts{"name", "id"}));
    EXPECT_FALSE(read("a=eq.1").columns);
    EXPECT_EQ(message("columns="), "\"failed to parse columns parameter ()\" (line 1, column 1)");
    EXPECT_EQ(details("columns="), "unexpected end of input expecting field name (* or [a..z0..9_$])");
}

// http-types, which splits PostgREST's query strings
TEST(RestQuery, is_split_and_decoded) {
    EXPECT_EQ(filter("name=eq.a+b%2Bc").value, "a b+c");
    EXPECT_EQ(filter("name=like.100%").value, "100%");
    EXPECT_EQ(read("a=eq.1;b=eq.2&&c").conditions.size(), 2U);  // without '=' it is nothing
    EXPECT_EQ(filter("name=eq.%C3").value, "\xEF\xBF\xBD");
    EXPECT_EQ(fault("name=eq.%00").code, "22021");
    EXPECT_EQ(fault("=eq.1").message, "\"failed to parse tree path ()\" (line 1, column 1)");
    EXPECT_EQ(fault("a=x&order=").message, "\"failed to parse order ()\" (line 1, column 1)");  // before filters
}

TEST(RestQuery, bounds_its_depth) {
    const auto nested = [](std::size_t levels, std::string_view open, std::string_view leaf) {
        std::string text;
        for (std::size_t i = 0; i < levels; ++i) {
            text += open;
        }
        return text.append(leaf).append(levels, ')');
    };
    EXPECT_EQ(read("select=" + nested(64, "a(", "*")).select.size(), 1U);
    EXPECT_EQ(details("select=" + nested(65, "a(", "*")), "parentheses stand in each other more than 64 deep");
    EXPECT_EQ(read("and=(" + nested(63, "or(", "a.eq.1") + ")").conditions.size(), 1U);
    EXPECT_EQ(details("and=(" + nested(64, "or(", "a.eq.1") + ")"),
              "parentheses stand in each other more than 64 deep");
    EXPECT_EQ(fault("select=" + nested(100000, "a(", "*")).code, "PGRST100");
    EXPECT_EQ(fault("or=(" + nested(100000, "not.and(", "a.eq.1") + ")").code, "PGRST100");
}

// What a hostile client sends is read about as fast as it came.
TEST(RestQuery, is_read_in_one_pass) {
    std::string text = "select=";
    for (int i = 0; i < 20000; ++i) {
        text += "a->b->>c::d,";
    }
    EXPECT_EQ(read(text + "e").select.size(), 20001U);
    EXPECT_EQ(read("a=in.(" + std::string(200000, ',') + ")").conditions.size(), 1U);
    EXPECT_EQ(fault("select=" + std::string(200000, '"')).code, "PGRST100");
    EXPECT_EQ(fault("or=(" + std::string(200000, '-')).code, "PGRST100");
}

}  // namespace
}  // namespace analytics::rest
