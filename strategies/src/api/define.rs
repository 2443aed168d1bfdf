//! How definitions are written: like Rust signatures, each with the function that does the work.
//!
//! ```text
//! define! { Sizes;
//!     /// Quantity in base units whose notional at the mid is `notional`.
//!     reads method qty_for(m: Market, notional: Finite) -> f64 = qty_for;
//! }
//! ```
//!
//! gives a `Vec<Definition>`. The words before the name are effect and form; a text after an argument's
//! name is what it is in the words of an error, where that is not the name; `= Int(0)` after the type is its
//! default. The function takes the desk first, unless it is `pure`; what `declares` has no code for machines.

/// Returns the definitions of these functions and properties.
macro_rules! define {
    ($group:ident; $(
        $(#[doc = $help:literal])+
        $effect:ident $form:ident $name:ident
        ($($argument:ident $($words:literal)? : $of:ty $(= $default:ident $(($value:literal))?)?),* $(,)?)
        -> $result:ty = $work:path;
    )+) => {
        vec![$(define!(@one
            $group, concat!($($help),+).trim_start(), $effect, $form, $name,
            [$($argument, define!(@words $argument $($words)?), $of, define!(@default $($default $(($value))?)?);)*]
            $result, $work
        )),+]
    };
    (@one $group:ident, $help:expr, $effect:ident, $form:ident, $name:ident,
        [$($argument:ident, $words:expr, $of:ty, $default:expr;)*] $result:ty, $work:path) => {{
        use $crate::api::crossing::{Given, Gives};
        use $crate::api::definition::{
            Argument, Definition, Effect, Form, Group, Interpreted,
        };
        const ARGUMENTS: &[Argument] = &[$(Argument {
            name: stringify!($argument),
            words: $words,
            of: <$of as $crate::api::crossing::Takes>::OF,
            default: $default,
            least: <$of as $crate::api::crossing::Takes>::LEAST,
        }),*];
        #[allow(unused_mut, unused_variables, reason = "not every function takes arguments")]
        fn interpreted(
            definition: &Definition,
            values: $crate::api::Values<'_, '_>,
        ) -> $crate::api::Fallible<rhai::Dynamic> {
            let mut given = Given::new(definition, values);
            $(let $argument = given.next::<$of>()?;)*
            Gives::script(define!(@interpret $effect, $work, $(<$of as $crate::api::crossing::Takes>::lend(&$argument)),*))
        }
        Definition {
            name: stringify!($name),
            form: define!(@form $form),
            group: Group::$group,
            arguments: ARGUMENTS,
            returns: <$result as Gives>::OF,
            effect: define!(@effect $effect),
            help: $help,
            interpreted: Interpreted::Own(interpreted),
            shim: define!(@shim $effect, [$($argument: $of),*] $result, $work),
            ..Definition::BLANK
        }
    }};
    (@words $argument:ident) => { stringify!($argument) };
    (@words $argument:ident $words:literal) => { $words };
    (@default) => { None };
    (@default $default:ident $(($value:literal))?) => {
        Some($crate::api::definition::Default::$default $(($value))?)
    };
    (@form function) => { Form::Function };
    (@form method) => { Form::Method };
    (@form property) => { Form::Property };
    (@effect pure) => { Effect::Pure };
    (@effect reads) => { Effect::Reads };
    (@effect asks) => { Effect::Asks };
    (@effect acts) => { Effect::Acts };
    (@effect declares) => { Effect::Declares };
    (@interpret pure, $work:path, $($argument:expr),*) => { $work($($argument),*) };
    (@interpret $effect:ident, $work:path, $($argument:expr),*) => {
        $crate::lending::with_desk(|desk| $work(desk, $($argument),*))?
    };
    (@shim declares, [$($argument:ident: $of:ty),*] $result:ty, $work:path) => { None };
    (@shim $effect:ident, [$($argument:ident: $of:ty),*] $result:ty, $work:path) => {{
        use $crate::compile::context::Context;
        extern "C-unwind" fn shim(
            context: &mut Context<'_>,
            $($argument: <$of as $crate::api::crossing::Takes>::Machine<'_>),*
        ) -> <$result as Gives>::Machine {
            $(let Some($argument) = <$of as $crate::api::crossing::Takes>::accept(&$argument) else {
                return context.refuse();
            };)*
            let result = define!(@call $effect, context, $work, $($argument),*);
            Gives::machine(result, context)
        }
        Some($crate::api::definition::Shim {
            address: shim as *const () as usize,
            is_fallible: <$result as Gives>::REFUSES $(|| <$of as $crate::api::crossing::Takes>::REFUSES)*,
        })
    }};
    (@call pure, $context:ident, $work:path, $($argument:expr),*) => { $work($($argument),*) };
    (@call $effect:ident, $context:ident, $work:path, $($argument:expr),*) => {
        $work($context.desk(), $($argument),*)
    };
}

/// Returns the definitions of properties that are read where they lie: fields of a struct of the engine.
macro_rules! places {
    ($group:ident of $token:ty; $(
        $(#[doc = $help:literal])+
        $field:ident;
    )+) => {
        vec![$({
            use $crate::api::definition::{Argument, Definition, Effect, Form, Group, Interpreted};
            use $crate::api::place::{self, Holds, Lies};
            const RECEIVER: &[Argument] = &[place::receiver::<$token>()];
            fn interpreted(
                _: &Definition,
                values: $crate::api::Values<'_, '_>,
            ) -> $crate::api::Fallible<rhai::Dynamic> {
                let of: $token = $crate::api::receiver(values)?;
                of.read(|view| view.$field).map(Lies::script)
            }
            let offset = std::mem::offset_of!(<$token as Holds>::View, $field);
            let (place, returns) = place::at::<$token, _>(offset, |view| view.$field);
            Definition {
                name: stringify!($field),
                form: Form::Property,
                group: Group::$group,
                arguments: RECEIVER,
                returns,
                effect: Effect::Reads,
                help: concat!($($help),+).trim_start(),
                interpreted: Interpreted::Own(interpreted),
                place: Some(place),
                ..Definition::BLANK
            }
        }),+]
    };
}
