//! Refuses to compute with tensors as if they were numbers, and says which function does what was meant.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, WindowFunctionDefinition};
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// Says what there is for tensors.
pub const HINTS: &str = "pattern_sum, pattern_mean, pattern_min, pattern_max, pattern_std and pattern_energy give one \
                         number per tensor, and pixel(diffraction, row, col) gives one pixel";

/// Returns what to write instead of an aggregate function of a tensor.
pub fn instead_of(aggregate: &str, arguments: &str) -> Option<String> {
    let function = match aggregate {
        "sum" => "pattern_sum",
        "avg" | "mean" => "pattern_mean",
        "min" => "pattern_min",
        "max" => "pattern_max",
        "stddev" | "stddev_samp" | "stddev_pop" | "var" | "var_samp" | "var_pop" | "variance" => {
            "pattern_std"
        }
        _ => return None,
    };
    Some(format!(
        "write {function}({arguments}) for one number per tensor, {aggregate}({function}({arguments})) for one number of all tensors"
    ))
}

/// Refuses operators between tensors and numbers, before DataFusion does in terms of its types.
#[derive(Debug)]
pub struct TensorOperators;

impl ExprPlanner for TensorOperators {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        use BinaryOperator as Op;
        let is_tensor = |side: &Expr| is_tensor_of(side, schema);
        let (left, right) = (is_tensor(&expr.left), is_tensor(&expr.right));
        let op = &expr.op;
        match op {
            Op::Plus | Op::Minus | Op::Multiply | Op::Divide | Op::Modulo if left || right => {
                plan_err!(
                    "`{op}` takes numbers, found a tensor; {HINTS}; to change every pixel, write the tensors to a file and \
                 change them there"
                )
            }
            Op::Gt | Op::Lt | Op::GtEq | Op::LtEq if left || right => {
                plan_err!("`{op}` compares numbers, found a tensor; {HINTS}")
            }
            Op::Eq | Op::NotEq if left != right && !is_list(&expr.left, schema, &expr.right) => {
                plan_err!("`{op}` compares a tensor with what is none; {HINTS}")
            }
            _ => Ok(PlannerResult::Original(expr)),
        }
    }
}

/// Returns whether both sides are lists, or one is null.
fn is_list(left: &Expr, schema: &DFSchema, right: &Expr) -> bool {
    let of = |side: &Expr| side.get_type(schema).unwrap_or(DataType::Null);
    let passes = |found: DataType| {
        matches!(
            found,
            DataType::Null
                | DataType::FixedSizeList(..)
                | DataType::List(_)
                | DataType::LargeList(_)
        )
    };
    passes(of(left)) && passes(of(right))
}

fn is_tensor_of(expr: &Expr, schema: &DFSchema) -> bool {
    let data_type = expr.get_type(schema);
    data_type.is_ok_and(|found| matches!(found, DataType::FixedSizeList(..)))
}

/// Checks that no smallest or largest tensor is asked for: DataFusion would order tensors by their first numbers.
///
/// # Errors
/// If one is.
pub fn check(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        let inputs = node.inputs();
        for expr in node.expressions() {
            expr.apply(|expr| {
                let (name, args) = match expr {
                    Expr::AggregateFunction(call) => (call.func.name(), &call.params.args),
                    Expr::WindowFunction(call) => match &call.fun {
                        WindowFunctionDefinition::AggregateUDF(function) => {
                            (function.name(), &call.params.args)
                        }
                        WindowFunctionDefinition::WindowUDF(_) => {
                            return Ok(TreeNodeRecursion::Continue);
                        }
                    },
                    _ => return Ok(TreeNodeRecursion::Continue),
                };
                let is_of_tensors =
                    |arg: &Expr| inputs.iter().any(|input| is_tensor_of(arg, input.schema()));
                if !matches!(name, "min" | "max") || !args.iter().any(is_of_tensors) {
                    return Ok(TreeNodeRecursion::Continue);
                }
                let shown: Vec<String> = args.iter().map(written).collect();
                match instead_of(name, &shown.join(", ")) {
                    Some(instead) => {
                        plan_err!("{name} takes a number per row, found a tensor; {instead}")
                    }
                    None => Ok(TreeNodeRecursion::Continue),
                }
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .map(drop)
}

/// Returns an expression as it was written, where that was a column.
fn written(expr: &Expr) -> String {
    match expr {
        Expr::Column(column) => column.name().to_string(),
        other => other.to_string(),
    }
}
