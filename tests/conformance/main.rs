//! The program as a whole against input that lies, is cut or damaged, and against itself with other threads.

#[cfg(test)]
mod crafted;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod threads;
